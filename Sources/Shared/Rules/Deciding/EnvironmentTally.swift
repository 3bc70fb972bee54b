public import Domain

/// Everything a rule needs to know of one environment's paired tasks: four integers that can be added in any order.
///
/// The champion's scores are known for the whole slate. A challenger's task is decided once it has a score that
/// counts, and unknown until then: not run yet, or ended in a fault that is nobody's.
public struct EnvironmentTally: Hashable, Sendable {
    /// What the challenger has to show for one task.
    public enum ChallengerTask: Hashable, Sendable {
        case decided(Score)
        case unknown
    }

    /// N, the slate's length: the denominator, fixed before the challenger starts.
    public private(set) var tasks: Int64
    /// Σc over all N tasks.
    public private(set) var championSum: ScoreSum
    /// How many of the challenger's tasks are decided.
    public private(set) var decided: Int64
    /// Σx over the decided tasks.
    public private(set) var challengerSum: ScoreSum

    /// A tally of no tasks, or of sums that were taken elsewhere, such as in SQL.
    public init(tasks: Int64 = 0, championSum: ScoreSum = .zero, decided: Int64 = 0, challengerSum: ScoreSum = .zero) {
        precondition(0 <= decided && decided <= tasks, "\(decided) of \(tasks) tasks can't be decided")
        self.tasks = tasks
        self.championSum = championSum
        self.decided = decided
        self.challengerSum = challengerSum
    }

    public mutating func add(champion: Score, challenger: ChallengerTask) {
        tasks += 1
        championSum = championSum + champion
        if case .decided(let score) = challenger {
            decided += 1
            challengerSum = challengerSum + score
        }
    }

    /// Takes in the tasks of another tally of the same environment; order and grouping do not matter.
    public mutating func merge(_ other: EnvironmentTally) {
        tasks += other.tasks
        championSum = championSum + other.championSum
        decided += other.decided
        challengerSum = challengerSum + other.challengerSum
    }

    /// The same when some decided tasks, with the given sum of scores, are unknown again.
    func without(_ count: Int64, sum: ScoreSum) -> EnvironmentTally {
        EnvironmentTally(
            tasks: tasks, championSum: championSum, decided: decided - count, challengerSum: challengerSum - sum)
    }

    /// R, the challenger's tasks that are still unknown.
    public var unknown: Int64 { tasks - decided }
}
