import Digest
public import Domain

/// A contest in one self-contained document: everything its verdict follows from, the verdict, and the digests by which
/// a change is found and named. `docs/digests.md` describes it for others.
public struct ContestArchive: Hashable, Sendable {
    public static let format = "affine/contest/1"

    public let contest: ContestID
    public let record: ContestRecord
    public let stored: StoredVerdict

    public init(contest: ContestID, record: ContestRecord, stored: StoredVerdict) {
        self.contest = contest
        self.record = record
        self.stored = stored
    }

    /// Decides the contest anew, without a database.
    public func replay() -> ReplayResult { ReplayResult(contest: contest, record: record, stored: stored) }

    /// SHA-256 of each part, by the name under which a change is reported.
    var parts: [(name: String, digest: String)] {
        var parts = [
            ("rule", Self.digest(of: [record.rule.canonical])),
            ("contest", Self.digest(of: ["\(contest)", "\(record.window)"])),
            ("champion", Self.digest(of: Self.lines(record.champion))),
            ("challenger", Self.digest(of: Self.lines(record.challenger))),
        ]
        for slate in record.slates {
            parts.append(("\(slate.environment).tasks", Self.digest(of: slate.ids.map(\.description))))
            parts.append(("\(slate.environment).champion", Self.digest(of: slate.champion.map(Self.line))))
            parts.append(("\(slate.environment).challenger", Self.digest(of: slate.challenger.map(Self.line))))
        }
        parts.append(("verdict", Self.digest(of: Self.lines(stored.verdict))))
        return parts
    }

    private static func digest(of lines: some Sequence<String>) -> String {
        var text = HashedText()
        for line in lines { text.line(line) }
        return text.digest().hex
    }

    private static func lines(_ identity: ContestIdentity) -> [String] {
        [identity.hotkey.rawValue, identity.model.description]
    }

    /// The score in nano-units, the outcome without one, or `-` for no result.
    private static func line(_ result: TaskResult?) -> String {
        result.map { $0.score?.nano.description ?? $0.outcome.rawValue } ?? "-"
    }

    private static func lines(_ verdict: Verdict) -> [String] {
        [verdict.decision.rawValue]
            + verdict.environments.flatMap { report in
                [report.environment.rawValue] + report.certificate.map(\.value) + [report.reason]
            }
    }
}

extension ContestArchive: Codable {
    enum CodingKeys: String, CodingKey {
        case format, contest, record, verdict, parts
        case outcomeDigest = "outcome_digest"
        case evidenceDigest = "evidence_digest"
    }

    /// - Throws: `InvalidValue` that names the part which is not what its digest says.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let format = try container.decode(String.self, forKey: .format)
        guard format == Self.format else {
            throw InvalidValue(field: "format", value: format, expected: Self.format)
        }
        contest = try container.decode(ContestID.self, forKey: .contest)
        record = try container.decode(ContestRecord.self, forKey: .record)
        stored = try StoredVerdict(
            verdict: container.decode(Verdict.self, forKey: .verdict),
            outcomeDigest: container.decode(String.self, forKey: .outcomeDigest),
            evidenceDigest: container.decode(String.self, forKey: .evidenceDigest))
        let named = try container.decode([String: String].self, forKey: .parts)
        for (name, digest) in parts where named[name] != digest {
            throw InvalidValue(
                field: "contest \(contest): \(name)", value: digest,
                expected: "the SHA-256 that the file names, \(named[name] ?? "none"): this part was changed")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.format, forKey: .format)
        try container.encode(contest, forKey: .contest)
        try container.encode(record, forKey: .record)
        try container.encode(stored.verdict, forKey: .verdict)
        try container.encode(stored.outcomeDigest, forKey: .outcomeDigest)
        try container.encode(stored.evidenceDigest, forKey: .evidenceDigest)
        try container.encode(Dictionary(parts) { first, _ in first }, forKey: .parts)
    }
}
