public import Domain
public import Inference

/// The record of one evaluation, and its document in the shape of the affinetes protocol.
public struct Evaluation: Sendable {
    public let environment: EnvironmentName
    public let taskName: String
    public let request: EvaluateRequest
    public let prompt: [ChatMessage]
    /// Nil when the model gave no answer.
    public internal(set) var reply: ChatReply?
    /// Nil when nothing was graded.
    public internal(set) var grade: Grade?
    public internal(set) var timeTaken: Duration = .zero
    private var failure: Failure?

    private struct Failure: Sendable {
        let text: String
        let type: String
        /// Whether the score of 0 that goes with the failure is to count.
        let isValid: Bool
    }

    init(environment: any ReferenceEnvironment, task: ReferenceTask, request: EvaluateRequest) {
        self.environment = environment.name
        taskName = "\(environment.name):\(environment.title)"
        self.request = request
        prompt = task.prompt
    }

    mutating func fail(with text: String, type: String, isValid: Bool) {
        failure = Failure(text: text, type: type, isValid: isValid)
    }

    /// 0 where nothing was graded.
    public var score: Score { grade?.score ?? .zero }

    /// `task_name`, `score`, `success`, `time_taken`, `extra`, and `error` with `error_type` when something failed.
    public var document: JSONValue {
        var members: [String: JSONValue] = [
            "task_name": .string(taskName),
            "score": .number(Double(score.nano) / Double(Score.unit)),
            "success": .bool(score > .zero),
            "time_taken": .number(seconds(timeTaken)),
            "extra": .object(extra),
        ]
        if let failure {
            members["error"] = .string(failure.text)
            members["error_type"] = .string(failure.type)
        }
        return .object(members)
    }

    /// The prompt and, if there was one, the reply: an array of objects with `role` and `content`.
    public var conversation: JSONValue {
        var turns = prompt
        if let reply { turns.append(ChatMessage(role: "assistant", content: reply.content)) }
        return .array(turns.map { .object(["role": .string($0.role), "content": .string($0.content)]) })
    }

    private var extra: [String: JSONValue] {
        var members: [String: JSONValue] = [
            "conversation": conversation, "usage": usage, "seed": .integer(Int64(request.seed)),
            "task_id": .integer(request.taskID.rawValue),
            "difficulty": .integer(Int64(request.difficulty)), "model": .string(request.model),
        ]
        if let reason = reply?.finishReason { members["finish_reason"] = .string(reason) }
        if let grade { members["detail"] = .string(grade.detail) }
        if let failure { members["valid_for_scoring"] = .bool(failure.isValid) }
        return members
    }

    private var usage: JSONValue {
        guard let usage = reply?.usage else { return .null }
        return .object([
            "prompt_tokens": .integer(Int64(usage.promptTokens)),
            "completion_tokens": .integer(Int64(usage.completionTokens)),
            "total_tokens": .integer(Int64(usage.promptTokens + usage.completionTokens)),
        ])
    }

    private func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
