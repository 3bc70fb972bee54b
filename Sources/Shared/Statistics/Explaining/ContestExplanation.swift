import Digest
public import Domain
public import Rules

/// Why a contest ended as it did, or how it stands: the tree from the verdict down to the tasks it hangs on.
public struct ContestExplanation: Hashable, Sendable, Encodable {
    public let contest: ContestID
    public let record: ContestRecord
    /// Nil while the contest runs.
    public let decision: Verdict.Decision?
    public let environments: [EnvironmentExplanation]
    /// The fewest changed scores for another verdict; nil when no change of the challenger's is enough, and while the
    /// contest runs.
    public let pivotal: PivotalTasks?

    /// - Parameter isOver: Whether the record is all there will be.
    /// - Throws: `InvalidValue` for scores on which nothing can be computed.
    public init(contest: ContestID, record: ContestRecord, isOver: Bool) throws(InvalidValue) {
        let verdict = record.decide()
        self.contest = contest
        self.record = record
        decision = isOver ? verdict.decision : nil
        pivotal = isOver ? record.pivotalTasks() : nil
        var environments: [EnvironmentExplanation] = []
        for report in verdict.environments {
            environments.append(try EnvironmentExplanation(report, of: record, seed: "contest \(contest)"))
        }
        self.environments = environments
    }

    enum CodingKeys: String, CodingKey {
        case contest, window, champion, challenger, verdict, environments, pivotal, rule, prose
        case ruleDigest = "rule_digest"
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(contest, forKey: .contest)
        try container.encode(record.window, forKey: .window)
        try container.encode(record.champion, forKey: .champion)
        try container.encode(record.challenger, forKey: .challenger)
        try container.encode(decision, forKey: .verdict)
        try container.encode(environments, forKey: .environments)
        try container.encode(pivotal, forKey: .pivotal)
        try container.encode(record.rule, forKey: .rule)
        try container.encode(record.rule.digest.hex, forKey: .ruleDigest)
        try container.encode(record.rule.prose, forKey: .prose)
    }
}
