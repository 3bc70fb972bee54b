public import Domain

/// One task of a slate with what both sides have to show for it.
public struct SlateTask: Hashable, Sendable, Codable {
    public let environment: EnvironmentName
    /// Where the task stands in its environment's slate.
    public let position: Int
    public let task: TaskID
    /// The champion's result as it was; see `baseline` for how it counts.
    public let champion: TaskResult
    /// Nil while the challenger has not come to it.
    public let challenger: TaskResult?

    public init(
        environment: EnvironmentName, position: Int, task: TaskID, champion: TaskResult, challenger: TaskResult? = nil
    ) {
        self.environment = environment
        self.position = position
        self.task = task
        self.champion = champion
        self.challenger = challenger
    }

    /// The champion's score as it counts: `lo` when it has no valid one, whatever the reason.
    public func baseline(within bounds: ScoreBounds) -> Score {
        champion.score ?? bounds.lo
    }

    /// The challenger's side as it counts: `lo` for a failure of the model's own, unknown for what is nobody's.
    public func challenge(within bounds: ScoreBounds) -> EnvironmentTally.ChallengerTask {
        switch challenger?.kind {
        case .scored: challenger?.score.map { .decided($0) } ?? .unknown
        case .modelFault: .decided(bounds.lo)
        case .missing, nil: .unknown
        }
    }
}
