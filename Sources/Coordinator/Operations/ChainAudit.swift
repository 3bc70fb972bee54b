internal import Digest
internal import FoundationEssentials
public import Postgres
internal import Records

/// What an audit of the event log and of the verdicts in it found.
public struct ChainAudit: Hashable, Sendable, Encodable {
    /// A link of the chain, to be noted elsewhere: whoever rewrites the log can't rewrite that.
    public struct Link: Hashable, Sendable, Encodable {
        public var event: Int64
        /// Hexadecimal.
        public var digest: String

        public init(event: Int64, digest: String) {
            self.event = event
            self.digest = digest
        }
    }

    /// How many events are as they should be, from the first on.
    public internal(set) var events: Int64 = 0
    /// How many contests that are over carry the digests of their event.
    public internal(set) var contests: Int64 = 0
    /// The last of these events.
    public internal(set) var head = Link(event: 0, digest: ChainAuditor.origin.hex)
    /// The first thing that is wrong, by name; nil when nothing is.
    public internal(set) var problem: String?
}

/// Verifies, independently of the database's own functions, that the event log is one unbroken chain and that the verdicts
/// are those it tells of. `docs/digests.md` describes the bytes.
public struct ChainAuditor: Sendable {
    static let origin = SHA256Digest(of: "affine/events/1")
    private static let page: Int64 = 10_000

    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// - Parameters:
    ///   - links: Noted at earlier times: each has to be part of the chain still.
    ///   - progress: Told how many events are verified, and of how many.
    public func audit(links: [ChainAudit.Link] = [], progress: WorkProgress = { _, _ in }) async throws -> ChainAudit {
        var audit = ChainAudit()
        var noted = Dictionary(links.map { ($0.event, $0.digest) }) { first, _ in first }
        var decisions: [Int64: String] = [:]
        let head = try await database.run(LoadHeadLink()).first ?? audit.head
        while audit.problem == nil {
            let events = try await database.run(LoadEvents(after: audit.head.event, count: Self.page))
            for event in events {
                audit.problem = event.problem(after: audit.head, noted: noted.removeValue(forKey: event.id))
                guard audit.problem == nil else { break }
                audit.head = .init(event: event.id, digest: event.digest.hex)
                audit.events += 1
                if event.kind == "contest.decided" {
                    audit.problem = event.enter(into: &decisions)
                }
            }
            progress(Int(audit.events), Int(head.event))
            if events.count < Self.page { break }
        }
        guard audit.problem == nil else { return audit }
        // Events that were added meanwhile are past the head that was read first.
        if audit.head.event < head.event || (audit.head.event == head.event && audit.head != head) {
            audit.problem =
                "event \(audit.head.event) is the last, but the log's head names event \(head.event) "
                + "with digest \(head.digest): the end of the log was changed or cut off"
        } else if let missing = noted.keys.min() {
            audit.problem = "event \(missing), which was noted, is not in the log: it ends with \(audit.head.event)"
        } else {
            try await compareContests(with: decisions, &audit)
        }
        return audit
    }

    private func compareContests(with decisions: [Int64: String], _ audit: inout ChainAudit) async throws {
        for contest in try await database.run(LoadDecidedContests(upTo: audit.head.event)) {
            guard let told = decisions[contest.id] else {
                audit.problem = "contest \(contest.id) is over, but no event tells of its verdict"
                return
            }
            guard told == contest.told else {
                audit.problem = "contest \(contest.id) is stored as \(contest.told), but its event says \(told)"
                return
            }
            audit.contests += 1
        }
        guard audit.contests == decisions.count else {
            audit.problem =
                "the log tells of \(decisions.count) verdicts, but only \(audit.contests) contests are over"
            return
        }
    }
}

/// An event as an auditor reads it.
private struct ChainEvent: Sendable {
    var id: Int64
    /// Since 1970-01-01, UTC.
    var microseconds: Int64
    var actor: String
    var kind: String
    var subject: String
    var reason: String
    var detail: String
    var previous: [UInt8]
    var digest: SHA256Digest

    /// What is wrong with it as the one that follows a link.
    func problem(after link: ChainAudit.Link, noted: String?) -> String? {
        if id != link.event + 1 { return "event \(link.event + 1) is missing: \(id) follows \(link.event)" }
        if SHA256Digest.hex(previous) != link.digest {
            return
                "event \(id) does not follow event \(link.event): it names \(SHA256Digest.hex(previous)), not \(link.digest)"
        }
        if SHA256Digest(of: bytes) != digest {
            return "event \(id) (\(kind) \(subject)) was changed: its digest is not that of what it says"
        }
        if let noted, noted != digest.hex {
            return "event \(id) has digest \(digest.hex), but \(noted) was noted: the log was rewritten"
        }
        return nil
    }

    /// The digest of the event before it, then each field as its length in characters, a colon and its text.
    private var bytes: [UInt8] {
        let fields = ["\(id)", "\(microseconds)", actor, kind, subject, reason, detail]
        return previous + fields.flatMap { Array("\($0.unicodeScalars.count):\($0)".utf8) }
    }

    /// Takes in which verdict and digests it tells of; returns what is wrong with that.
    func enter(into decisions: inout [Int64: String]) -> String? {
        struct Digests: Decodable { var outcome, evidence: String }
        guard let contest = Int64(subject.trimmingPrefix("contest ")),
            let digests = try? JSONDecoder().decode(Digests.self, from: Data(detail.utf8))
        else { return "event \(id) (\(kind) \(subject)) does not name a contest with its digests" }
        guard decisions.updateValue("\(reason) \(digests.outcome) \(digests.evidence)", forKey: contest) == nil else {
            return "event \(id) tells of the verdict of contest \(contest) a second time"
        }
        return nil
    }
}

private struct LoadHeadLink: Statement {
    static let sql = "SELECT id, encode(digest, 'hex') FROM affine.event_head"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> ChainAudit.Link {
        try ChainAudit.Link(event: row.next(), digest: row.next())
    }
}

private struct LoadEvents: Statement {
    static let sql = """
        SELECT id, (extract(epoch FROM at) * 1000000)::bigint, actor, kind, subject, reason, detail::text, previous_digest,
               digest
        FROM affine.event WHERE id > $1 ORDER BY id LIMIT $2
        """
    var after: Int64
    var count: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(after)
        bindings.append(count)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> ChainEvent {
        let id: Int64 = try row.next()
        let microseconds: Int64 = try row.next()
        let (actor, kind, subject): (String, String, String) = (try row.next(), try row.next(), try row.next())
        let (reason, detail): (String, String) = (try row.next(), try row.next())
        let (previous, digest): ([UInt8], [UInt8]) = (try row.next(), try row.next())
        guard let digest = SHA256Digest(bytes: digest) else {
            throw PostgresError(.decoding, "event \(id) has a digest of \(digest.count) bytes")
        }
        return ChainEvent(
            id: id, microseconds: microseconds, actor: actor, kind: kind, subject: subject, reason: reason,
            detail: detail, previous: previous, digest: digest)
    }
}

/// Contests that were over when the event was written: verdict and digests, spelled as for an event.
private struct LoadDecidedContests: Statement {
    static let sql = """
        SELECT c.id, concat_ws(' ', c.verdict, encode(c.outcome_digest, 'hex'), encode(c.evidence_digest, 'hex'))
        FROM affine.contest c
        WHERE c.state <> 'running' AND NOT EXISTS (
            SELECT FROM affine.event e
            WHERE e.id > $1 AND e.kind = 'contest.decided' AND e.subject = 'contest ' || c.id)
        ORDER BY c.id
        """
    var upTo: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(upTo) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (id: Int64, told: String) {
        (try row.next(), try row.next())
    }
}
