internal import Digest
public import Domain
public import Inference

/// What the affinetes method `evaluate` is asked, for a reference environment.
public struct EvaluateRequest: Sendable {
    public var taskID: TaskID
    /// Handed to the engine; the task depends on its id alone.
    public var seed: UInt32
    /// The name the model is addressed by, for the record.
    public var model: String
    public var temperature: Double
    /// For the model's answer.
    public var timeout: Duration
    public var difficulty: Int

    public init(
        taskID: TaskID, seed: UInt32, model: String, temperature: Double = 0, timeout: Duration = .seconds(600),
        difficulty: Int = 0
    ) {
        self.taskID = taskID
        self.seed = seed
        self.model = model
        self.temperature = temperature
        self.timeout = timeout
        self.difficulty = difficulty
    }

    /// The seed every caller of the protocol derives: the first 8 bytes, big-endian, of SHA-256 of
    /// `<environment>:<task id>`, modulo 2^32.
    public static func seed(environment: EnvironmentName, taskID: TaskID) -> UInt32 {
        let bytes = SHA256Digest(of: "\(environment):\(taskID)").bytes.prefix(8)
        return bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
}

/// How an evaluation ended. Each case is somebody else's doing, so the caller never has to read texts.
public enum EvaluateResult: Sendable {
    /// The model answered and the environment graded the answer.
    case scored(Evaluation)
    /// The model gave no answer; whether that is its own fault the reason tells.
    case unanswered(ChatFailure, Evaluation)
    /// The environment could not grade an answer that was given.
    case environmentFault(EnvironmentFault, Evaluation)

    /// The document that the affinetes protocol wants, whatever happened.
    public var evaluation: Evaluation {
        switch self {
        case .scored(let evaluation), .unanswered(_, let evaluation), .environmentFault(_, let evaluation): evaluation
        }
    }
}

/// The environment's own failure.
public struct EnvironmentFault: Error, Sendable, CustomStringConvertible {
    public let detail: String
    /// The environment fails on an empty answer to this task as well: evidence that does not come from the model.
    public let failsOnEmptyAnswer: Bool

    public var description: String {
        detail + (failsOnEmptyAnswer ? " (and on an empty answer too)" : " (but not on an empty answer)")
    }
}

/// Plays one task: asks the model once and grades what it says.
public struct ReferenceEvaluator: Sendable {
    public let environment: any ReferenceEnvironment
    public let sandbox: Sandbox

    public init(environment: any ReferenceEnvironment, sandbox: Sandbox) {
        self.environment = environment
        self.sandbox = sandbox
    }

    /// - Throws: `InvalidValue` for a task that does not exist, `CancellationError`; all else is a result.
    public func evaluate(_ request: EvaluateRequest, chat: some ChatModel) async throws -> EvaluateResult {
        let clock = ContinuousClock()
        let start = clock.now
        let task = try environment.task(request.taskID, difficulty: request.difficulty)
        var record = Evaluation(environment: environment, task: task, request: request)
        do throws(ChatFailure) {
            record.reply = try await chat.complete(
                ChatRequest(
                    messages: task.prompt, temperature: request.temperature, seed: request.seed,
                    maxTokens: task.maxTokens, timeout: request.timeout))
        } catch {
            try Task.checkCancellation()
            record.timeTaken = clock.now - start
            record.fail(with: "\(error)", type: "llm_failure", isValid: Self.isOwnFault(error.reason))
            return .unanswered(error, record)
        }
        do {
            record.grade = try await environment.grade(task, answer: record.reply?.content ?? "", in: sandbox)
        } catch {
            try Task.checkCancellation()
            let fault = EnvironmentFault(detail: "\(error)", failsOnEmptyAnswer: await failsOnEmptyAnswer(task))
            try Task.checkCancellation()
            record.timeTaken = clock.now - start
            record.fail(with: "\(fault)", type: "environment_failure", isValid: false)
            return .environmentFault(fault, record)
        }
        record.timeTaken = clock.now - start
        return .scored(record)
    }

    /// What a model can bring about by itself counts as its score of 0; what the network does never counts.
    private static func isOwnFault(_ reason: ChatFailure.Reason) -> Bool {
        switch reason {
        case .contextOverflow, .malformedReply, .replyTooLarge, .timedOut: true
        case .unreachable, .rateLimited, .overloaded, .refused, .cancelled, .invalidRequest: false
        }
    }

    private func failsOnEmptyAnswer(_ task: ReferenceTask) async -> Bool {
        do {
            _ = try await environment.grade(task, answer: environment.emptyAnswer, in: sandbox)
            return false
        } catch {
            return true
        }
    }
}
