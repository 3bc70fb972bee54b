internal import Digest
public import Domain
public import Postgres
internal import Records
internal import Rules

/// Recomputes verdicts from the job history.
public struct Replay: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// What history says of a contest, beside what was written when it was decided.
    public struct Result: Sendable, Codable {
        public var contest: ContestID
        public var verdict: String
        /// The evidence digest, recomputed.
        public var digest: String
        public var outcomeDigest: String
        /// Whether verdict and both digests are what was stored.
        public var match: Bool
        /// The first stored value that differs, by name; nil on a match.
        public var difference: String?

        enum CodingKeys: String, CodingKey {
            case contest, verdict, digest, match, difference
            case outcomeDigest = "outcome_digest"
        }
    }

    /// - Throws: `ReplayError` when there is no such contest or it is not over.
    public func contest(_ id: ContestID) async throws -> Result {
        try await database.transaction(.repeatableRead) { session in
            guard let contest = try session.run(LoadContest(contest: id)).first else { throw ReplayError.unknown(id) }
            guard contest.state != .running else { throw ReplayError.running(id) }
            var reader = RecordReader()
            let record = try reader.record(of: contest, in: &session)
            return Self.compare(contest, with: record)
        }
    }

    private static func compare(_ contest: StoredContest, with record: ContestRecord) -> Result {
        let verdict = record.decide().decision.rawValue
        let digests = record.digests()
        let (outcome, evidence) = (digests.outcome.hex, digests.evidence.hex)
        let compared = [
            ("verdict", contest.verdict, verdict), ("outcome_digest", contest.outcomeDigest, outcome),
            ("digest", contest.evidenceDigest, evidence),
        ]
        let difference = compared.first { $0.1 != $0.2 }
        return Result(
            contest: contest.id, verdict: verdict, digest: evidence, outcomeDigest: outcome, match: difference == nil,
            difference: difference.map { "\($0.0): stored \($0.1 ?? "none"), replayed \($0.2)" })
    }
}

public enum ReplayError: Error, Sendable, CustomStringConvertible {
    case unknown(ContestID)
    case running(ContestID)

    public var description: String {
        switch self {
        case .unknown(let id): "there is no contest \(id): 'af contest list' shows those there are"
        case .running(let id): "contest \(id) is still running: only a contest that is over can be replayed"
        }
    }
}
