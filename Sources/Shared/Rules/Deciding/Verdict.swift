public import Domain

/// How a contest ended, and why.
public struct Verdict: Hashable, Sendable, Codable {
    public enum Decision: String, Hashable, Sendable, Codable, CaseIterable {
        /// The challenger takes the throne.
        case dethroned
        /// The champion stays; the challenger is terminated.
        case championKeeps = "champion_keeps"
        /// Nobody's fault: the miner goes back to its place in the queue.
        case void
    }

    public let decision: Decision
    /// Sorted by name.
    public let environments: [EnvironmentReport]

    public init(decision: Decision, environments: [EnvironmentReport]) {
        self.decision = decision
        self.environments = environments
    }

    /// Every environment's reason, on one line.
    public var reason: String { environments.map(\.reason).joined(separator: "; ") }
}

/// How a contest stands while it may still be running. Nothing here is ever taken back.
public struct Assessment: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case dethroned, championKeeps, undecided
    }

    public let state: State
    /// Sorted by name.
    public let environments: [EnvironmentReport]
}

/// One environment's part in a verdict, in numbers and in words.
public struct EnvironmentReport: Hashable, Sendable, Codable {
    public let environment: EnvironmentName
    public let state: EnvironmentState
    /// N, the slate's length.
    public let tasks: Int64
    /// How many of them the challenger has settled.
    public let decided: Int64
    public let championSum: ScoreSum
    /// The challenger's sum if every unknown task scores `lo`; its exact sum when all are decided.
    public let challengerLowestSum: ScoreSum
    /// The challenger's sum if every unknown task scores `hi`; its exact sum when all are decided.
    public let challengerHighestSum: ScoreSum
    /// L: the least by which the challenger can end above the bar, Σc + N·m.
    public let lowestSlack: ScoreSum
    /// U: the most by which it can.
    public let highestSlack: ScoreSum
    /// Such as `abd: 0.62 against 0.55, needs more than 0.58: won by 0.04`.
    public let reason: String

    init(environment: EnvironmentName, standing: Standing, kind: any RuleKind) {
        self.environment = environment
        state = kind.state(of: standing)
        tasks = standing.tally.tasks
        decided = standing.tally.decided
        championSum = standing.tally.championSum
        challengerLowestSum = standing.lowestSum
        challengerHighestSum = standing.highestSum
        lowestSlack = standing.lower
        highestSlack = standing.upper
        reason = "\(environment): \(kind.reason(for: standing))"
    }

    /// A report that was stored.
    public init(
        environment: EnvironmentName, state: EnvironmentState, tasks: Int64, decided: Int64, championSum: ScoreSum,
        challengerSums: ClosedRange<ScoreSum>, slack: ClosedRange<ScoreSum>, reason: String
    ) {
        self.environment = environment
        self.state = state
        self.tasks = tasks
        self.decided = decided
        self.championSum = championSum
        challengerLowestSum = challengerSums.lowerBound
        challengerHighestSum = challengerSums.upperBound
        lowestSlack = slack.lowerBound
        highestSlack = slack.upperBound
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case environment, state, tasks, decided, reason
        case championSum = "champion_sum_nano"
        case challengerLowestSum = "challenger_lowest_sum_nano"
        case challengerHighestSum = "challenger_highest_sum_nano"
        case lowestSlack = "lowest_slack_nano"
        case highestSlack = "highest_slack_nano"
    }
}
