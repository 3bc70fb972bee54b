import Domain
public import Rules

/// One environment's part in a contest, in the numbers that people ask for. Means are in units of scores; nothing here
/// decides anything.
public struct EnvironmentExplanation: Hashable, Sendable, Encodable {
    public let report: EnvironmentReport
    public let margin: Double
    public let championMean: Double
    /// Equal at both ends once every task is decided; else what the missing scores leave open.
    public let challengerMean: ClosedRange<Double>
    /// (Σx − Σc)/N − m: how far above the bar, per task.
    public let slack: ClosedRange<Double>
    /// Nil of an environment that is not complete: what ran first is no random part of the slate.
    public let difference: PairedDifference?
    public let wins: Int
    public let losses: Int
    public let ties: Int
    /// `WinsAndLosses.exactP`; nil of an environment that is not complete.
    public let winsP: Double?
    /// The fewest of the challenger's scores that would have to differ for another side of this bar; nil when none can.
    public let fewestChanges: Int?

    /// - Parameter seed: Names the contest, so that everybody's bootstrap is the same.
    init(_ report: EnvironmentReport, of record: ContestRecord, seed: String) throws(InvalidValue) {
        let terms = record.rule.terms(of: report.environment)
        let perTask = { (sum: ScoreSum) in Double(sum.nano) / Double(report.tasks) / Double(Score.unit) }
        self.report = report
        margin = Double(terms?.margin.nano ?? 0) / Double(Score.unit)
        championMean = perTask(report.championSum)
        challengerMean = perTask(report.challengerLowestSum)...perTask(report.challengerHighestSum)
        slack = perTask(report.lowestSlack)...perTask(report.highestSlack)
        fewestChanges = record.pivotalTasks(in: report.environment)?.changes.count
        let span = terms?.clusterSpan ?? 1
        let sample =
            report.decided == 0
            ? nil
            : try PairedSample(of: report.environment, in: record) { task in
                span == 1 ? nil : "\(task.rawValue / span)"
            }
        let score = sample?.winsAndLosses ?? WinsAndLosses(wins: 0, losses: 0, ties: 0)
        (wins, losses, ties) = (score.wins, score.losses, score.ties)
        let isComplete = report.decided == report.tasks
        winsP = isComplete ? score.exactP : nil
        difference =
            if let sample, isComplete, sample.count > 1 {
                try PairedDifference(sample, seed: "\(seed) \(report.environment)")
            } else { nil }
    }

    enum CodingKeys: String, CodingKey {
        case margin, slack, difference, wins, losses, ties
        case championMean = "champion_mean"
        case challengerMean = "challenger_mean"
        case winsP = "wins_p"
        case fewestChanges = "fewest_changes"
    }

    public func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(margin, forKey: .margin)
        try container.encode(championMean, forKey: .championMean)
        try container.encode([challengerMean.lowerBound, challengerMean.upperBound], forKey: .challengerMean)
        try container.encode([slack.lowerBound, slack.upperBound], forKey: .slack)
        try container.encode(difference, forKey: .difference)
        try container.encode(wins, forKey: .wins)
        try container.encode(losses, forKey: .losses)
        try container.encode(ties, forKey: .ties)
        try container.encode(winsP, forKey: .winsP)
        try container.encode(fewestChanges, forKey: .fewestChanges)
    }
}

/// The mean of x − c over a complete slate, and how far chance alone could have moved it.
public struct PairedDifference: Hashable, Sendable, Encodable {
    public static let level = 0.95

    public let mean: Double
    /// s_d, over tasks.
    public let deviation: Double
    /// `PairedSample.interval` at `level`.
    public let interval: MeanInterval
    /// `PairedSample.clusterInterval` at `level`; nil when no two tasks are of one cluster, or all are.
    public let clustered: MeanInterval?
    /// `PairedSample.bootstrapInterval` at `level`.
    public let bootstrap: MeanInterval
    /// `PairedSample.lowerBound` at `level`, one-sided.
    public let lowerBound: Double

    init(_ sample: PairedSample, seed: String) throws(InvalidValue) {
        mean = sample.meanDifference
        deviation = sample.standardDeviation
        interval = try sample.interval(level: Self.level)
        clustered = 2..<sample.count ~= sample.clusters ? try sample.clusterInterval(level: Self.level) : nil
        bootstrap = try sample.bootstrapInterval(level: Self.level, generator: SeededGenerator(hashing: seed))
        lowerBound = try sample.lowerBound(level: Self.level)
    }

    enum CodingKeys: String, CodingKey {
        case mean, deviation, interval, clustered, bootstrap
        case lowerBound = "lower_bound"
    }
}

extension MeanInterval: Encodable {
    /// As `[lower, upper]`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(lower)
        try container.encode(upper)
    }
}
