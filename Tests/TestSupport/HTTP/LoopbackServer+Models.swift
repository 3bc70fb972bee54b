public import Domain
internal import Environments
internal import FoundationEssentials
internal import Inference

extension LoopbackServer {
    /// An environment's server that does with each task what the test says.
    public static func environment(_ answer: @escaping @Sendable (Int64) -> [Step]) -> LoopbackServer {
        LoopbackServer { request in answer(request.json?["kwargs"]?["task_id"]?.integerValue ?? -1) }
    }

    /// A model's endpoint that does with the last message of each prompt what the test says.
    public static func endpoint(_ answer: @escaping @Sendable (String) -> Step) -> LoopbackServer {
        LoopbackServer { request in
            [answer(request.json?["messages"]?.arrayValue?.last?["content"]?.stringValue ?? "")]
        }
    }

    /// A model that answers these tasks of the built-in environments rightly, and no others.
    public static func knowing(_ tasks: some Sequence<Int64>) throws -> LoopbackServer {
        var answers: [String: String] = [:]
        for id in tasks {
            for environment in ReferenceEnvironments.all {
                let task = try environment.task(TaskID(rawValue: id), difficulty: 0)
                answers[task.prompt.last?.content ?? ""] = task.referenceAnswer
            }
        }
        return endpoint { [answers] in .completion(answers[$0] ?? "I do not know.") }
    }
}

extension LoopbackServer.Step {
    /// What an environment's server says of a task that it graded.
    public static func score(_ score: String) -> Self {
        .answer(
            body: """
                {"status": "success", "error": null, "result": {"score": \(score), "extra": {
                 "conversation": [{"role": "user", "content": "?"}],
                 "usage": {"prompt_tokens": 7, "completion_tokens": 5}}}}
                """.utf8)
    }

    /// What a model's endpoint says.
    public static func completion(_ text: String) -> Self {
        let document = JSONValue.object([
            "choices": .array([
                .object(["message": .object(["role": .string("assistant"), "content": .string(text)])])
            ]), "usage": .object(["prompt_tokens": .integer(7), "completion_tokens": .integer(5)]),
        ])
        return .answer(body: (try? JSONEncoder().encode(document)) ?? Data())
    }
}

extension LoopbackServer.Request {
    /// Nil unless the body is JSON.
    public var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(body)) }
}
