public import Domain

/// One of the challenger's task scores, and what it would have to be.
public struct ScoreChange: Hashable, Sendable, Codable {
    public let environment: EnvironmentName
    /// Where the task stands in its environment's slate.
    public let position: Int
    public let task: TaskID
    /// The score as it counts.
    public let score: Score
    /// The bound that it would have to reach: `hi` to help the challenger, `lo` to harm it.
    public let changed: Score

    enum CodingKeys: String, CodingKey {
        case environment, position, task
        case score = "score_nano"
        case changed = "changed_nano"
    }
}

/// What changed scores are to bring about.
public enum ChangeGoal: Hashable, Sendable, CaseIterable {
    /// No longer a certain `no`: the champion would no longer be sure to keep the throne.
    case possible
    /// A certain `yes`.
    case certain
    /// No longer a certain `yes`.
    case doubtful
    /// A certain `no`.
    case impossible

    /// Whether scores have to rise for it; else they have to fall.
    var isUpwards: Bool { self == .possible || self == .certain }

    func isMet(by truth: Trivalent) -> Bool {
        switch self {
        case .possible: truth != .no
        case .certain: truth == .yes
        case .doubtful: truth != .yes
        case .impossible: truth == .no
        }
    }
}
