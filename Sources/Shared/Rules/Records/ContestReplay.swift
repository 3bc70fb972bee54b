import Digest
public import Domain

/// A verdict as it was written down when the contest ended.
public struct StoredVerdict: Hashable, Sendable {
    public let verdict: Verdict
    /// Hexadecimal.
    public let outcomeDigest: String
    /// Hexadecimal.
    public let evidenceDigest: String

    public init(verdict: Verdict, outcomeDigest: String, evidenceDigest: String) {
        self.verdict = verdict
        self.outcomeDigest = outcomeDigest
        self.evidenceDigest = evidenceDigest
    }
}

/// What history says of a contest, beside what was written when it was decided.
public struct ReplayResult: Hashable, Sendable, Codable {
    public let contest: ContestID
    public let verdict: Verdict.Decision?
    /// The evidence digest, recomputed.
    public let digest: String?
    public let outcomeDigest: String?
    /// Whether verdict, certificate and both digests are what was stored.
    public let match: Bool
    /// The first stored value that differs, by name; nil on a match.
    public let difference: String?

    enum CodingKeys: String, CodingKey {
        case contest, verdict, digest, match, difference
        case outcomeDigest = "outcome_digest"
    }

    /// A contest whose record cannot even be put together, such as for a score outside its bounds.
    public init(contest: ContestID, broken error: InvalidValue) {
        self.init(contest: contest, verdict: nil, digest: nil, outcomeDigest: nil, difference: "record: \(error)")
    }

    private init(
        contest: ContestID, verdict: Verdict.Decision?, digest: String?, outcomeDigest: String?, difference: String?
    ) {
        self.contest = contest
        self.verdict = verdict
        self.digest = digest
        self.outcomeDigest = outcomeDigest
        self.difference = difference
        match = difference == nil
    }

    /// Decides the contest anew from its record.
    public init(contest: ContestID, record: ContestRecord, stored: StoredVerdict) {
        let verdict = record.decide()
        let digests = record.digests(verdict.decision)
        let (outcome, evidence) = (digests.outcome.hex, digests.evidence.hex)
        let difference =
            Self.difference("verdict", stored.verdict.decision.rawValue, verdict.decision.rawValue)
            ?? Self.difference(of: stored.verdict.environments, verdict.environments)
            ?? Self.difference("outcome_digest", stored.outcomeDigest, outcome)
            ?? Self.difference("digest", stored.evidenceDigest, evidence)
        self.init(
            contest: contest, verdict: verdict.decision, digest: evidence, outcomeDigest: outcome,
            difference: difference)
    }

    /// The certificates, but for their words.
    private static func difference(of stored: [EnvironmentReport], _ replayed: [EnvironmentReport]) -> String? {
        let names = [stored, replayed].map { $0.map(\.environment.rawValue).joined(separator: ", ") }
        if let difference = difference("environments", names[0], names[1]) { return difference }
        for (old, new) in zip(stored, replayed) {
            for ((name, was), (_, now)) in zip(old.certificate, new.certificate) where was != now {
                return difference("\(old.environment).\(name)", was, now)
            }
        }
        return nil
    }

    private static func difference(_ name: String, _ stored: String, _ replayed: String) -> String? {
        stored == replayed ? nil : "\(name): stored \(stored), replayed \(replayed)"
    }
}

extension EnvironmentReport {
    /// Everything but the name and the words, by the names it has in documents.
    var certificate: [(name: String, value: String)] {
        [
            ("standing", state.rawValue), ("tasks", String(tasks)), ("decided", String(decided)),
            ("champion_sum_nano", championSum.description), ("challenger_lo_nano", challengerLowestSum.description),
            ("challenger_hi_nano", challengerHighestSum.description), ("lower_nano", lowestSlack.description),
            ("upper_nano", highestSlack.description),
        ]
    }
}
