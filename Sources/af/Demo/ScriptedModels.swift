import Coordinator
import Digest
import Domain
import Environments
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Inference
import Logging
import NIOCore
import Worker

/// Two stand-ins for language models behind real HTTP servers. Each knows the reference answer of every task of the demo
/// and gives it with a set probability, decided by a hash of its name and the prompt: the same prompt, the same answer.
enum ScriptedModels {
    private static let skills: [(name: String, percent: UInt64)] = [
        ("affine-demo/steady", 45), ("affine-demo/bright", 75),
    ]

    static func serving<Value: Sendable>(
        logger: Logger, _ body: @escaping @Sendable ([DemoContestant]) async throws -> Value
    ) async throws -> Value {
        let answers = try knownAnswers()
        var quiet = logger
        quiet.logLevel = .critical  // being cancelled at the end is what is meant to happen
        var contestants: [DemoContestant] = []
        var servers: [@Sendable () async throws -> Void] = []
        for ((name, percent), hotkey) in zip(skills, try DemoModels.hotkeys()) {
            let port = try DemoModels.freePort()
            let script = ScriptedModel(name: name, percent: percent, answers: answers)
            let application = Application(
                router: script.router(),
                configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: "scripted"), logger: quiet
            )
            servers.append { try await application.run() }
            let model = try ModelReference(repository: name, revision: String(SHA256Digest(of: name).hex.prefix(40)))
            let endpoint = Endpoint(model: model, baseURL: "http://127.0.0.1:\(port)/v1")
            contestants.append(DemoContestant(hotkey: hotkey, model: model, endpoint: endpoint))
        }
        return try await af.serving(servers) { [contestants] in try await body(contestants) }
    }

    /// The reference answer by the last message of the prompt, over all tasks the demo can draw.
    private static func knownAnswers() throws -> [String: String] {
        var answers: [String: String] = [:]
        for definition in try DemoCommand.Models.scripted.environments(tasks: nil) {
            guard let environment = ReferenceEnvironments.named(definition.name),
                let difficulty = definition.parameters["difficulty"]?.integerValue
            else { continue }
            for id in definition.datasetRanges.joined() {
                let task = try environment.task(TaskID(rawValue: id), difficulty: Int(difficulty))
                answers[task.prompt.last?.content ?? ""] = task.referenceAnswer
            }
        }
        return answers
    }
}

private struct ScriptedModel: Sendable {
    let name: String
    let percent: UInt64
    let answers: [String: String]

    private struct Call: Decodable {
        var messages: [ChatMessage]
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("v1/models") { _, _ in
            try json(.object(["object": .string("list"), "data": .array([.object(["id": .string(name)])])]))
        }
        router.post("v1/chat/completions") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            let call = try JSONDecoder().decode(Call.self, from: Data(body.readableBytesView))
            return try json(completion(of: call.messages.last?.content ?? ""))
        }
        return router
    }

    private func completion(of prompt: String) -> JSONValue {
        let draw = SHA256Digest(of: "\(name)\n\(prompt)").bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let answer = draw % 100 < percent ? answers[prompt] : nil
        let text = answer ?? "I do not know."
        return .object([
            "object": .string("chat.completion"), "model": .string(name),
            "choices": .array([
                .object([
                    "index": .integer(0), "finish_reason": .string("stop"),
                    "message": .object(["role": .string("assistant"), "content": .string(text)]),
                ])
            ]),
            "usage": .object([
                "prompt_tokens": .integer(Int64(prompt.utf8.count / 4)),
                "completion_tokens": .integer(Int64(text.utf8.count / 4)),
                "total_tokens": .integer(Int64(prompt.utf8.count / 4 + text.utf8.count / 4)),
            ]),
        ])
    }

    private func json(_ value: JSONValue) throws -> Response {
        let body = ByteBuffer(bytes: try JSONEncoder().encode(value))
        return Response(status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
    }
}
