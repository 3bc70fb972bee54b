public import Domain

/// What one side has to show for one task: an outcome, and a score exactly when the outcome is `scored`.
public struct TaskResult: Hashable, Sendable {
    public let outcome: Outcome
    public let score: Score?

    /// Nil unless a score comes with the outcome `scored`, and only then.
    public init?(outcome: Outcome, score: Score?) {
        guard (outcome == .scored) == (score != nil) else { return nil }
        self.outcome = outcome
        self.score = score
    }

    private init(_ outcome: Outcome, _ score: Score? = nil) {
        self.outcome = outcome
        self.score = score
    }

    public static func scored(_ score: Score) -> Self { Self(.scored, score) }
    public static let modelFault = Self(.modelFault)
    public static let infraFault = Self(.infraFault)
    public static let environmentFault = Self(.environmentFault)
    public static let cancelled = Self(.cancelled)

    /// How a result counts. Which fault of nobody's kept a task from a score is an accident and makes no difference.
    public enum Kind: String, Hashable, Sendable, Codable {
        case scored
        case modelFault = "model_fault"
        case missing
    }

    public var kind: Kind {
        switch outcome {
        case .scored: .scored
        case .modelFault: .modelFault
        case .infraFault, .environmentFault, .cancelled: .missing
        }
    }
}

extension TaskResult: Codable {
    enum CodingKeys: String, CodingKey {
        case outcome
        case score = "score_nano"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let outcome = try container.decode(Outcome.self, forKey: .outcome)
        let score = try container.decodeIfPresent(Score.self, forKey: .score)
        guard let result = TaskResult(outcome: outcome, score: score) else {
            throw InvalidValue(
                field: "score_nano", value: score?.nano.description ?? "absent",
                expected: "a score with the outcome 'scored' and only then, not with '\(outcome.rawValue)'")
        }
        self = result
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(outcome, forKey: .outcome)
        try container.encodeIfPresent(score, forKey: .score)
    }
}
