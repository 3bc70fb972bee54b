public import Domain
internal import EnvironmentCalls
internal import Inference

/// How one task ended, at its last attempt.
public struct TaskResult: Sendable {
    /// Tokens that the model read and wrote.
    public struct Usage: Hashable, Sendable {
        public let promptTokens: Int
        public let completionTokens: Int
    }

    public let environment: EnvironmentName
    public let task: TaskID
    public let outcome: Outcome
    /// Present exactly when the outcome is `scored`.
    public let score: Score?
    /// Nil where nobody counted.
    public let usage: Usage?
    /// From the first attempt's begin to the last one's end, with the waits in between.
    public let duration: Duration
    /// 1 or more.
    public let attempts: Int
    /// A short stable word such as `endpoint_unreachable`, present unless the outcome is `scored`.
    public let errorCode: String?
    /// What was said about it, for people.
    public let errorDetail: String?
    /// The messages exchanged with the model, as the environment tells them: an array of objects with `role` and
    /// `content`. Nil where it told none.
    public let conversation: JSONValue?

    /// Whether an arena would count it: as its score, or as the environment's lowest where the model itself failed.
    public var counts: Bool { outcome == .scored || outcome == .modelFault }

    init(_ result: JobResult, task: TaskID, in environment: EnvironmentName, attempts: Int, duration: Duration) {
        self.environment = environment
        self.task = task
        outcome = result.outcome
        score = result.score
        usage = result.usage.map { Usage(promptTokens: $0.promptTokens, completionTokens: $0.completionTokens) }
        self.duration = duration
        self.attempts = attempts
        errorCode = result.errorCode
        errorDetail = result.errorDetail
        conversation = result.conversation
    }
}
