public import Domain
public import Postgres
internal import Records
public import Rules
internal import Synchronization

/// A contest that is over, as the job history and what was stored with its verdict tell of it.
public struct PastContest: Sendable {
    public let contest: ContestID
    /// What the verdict follows from, or why that can't be put together any more.
    public let record: Result<ContestRecord, InvalidValue>
    public let stored: StoredVerdict
}

/// Which contests of the past.
public enum HistoryScope: Hashable, Sendable {
    case contests([ContestID])
    case window(WindowID)
    /// All whose windows are not archived.
    case all
}

/// Told how much of some long work is done.
public typealias WorkProgress = @Sendable (_ done: Int, _ total: Int) -> Void

/// Reads contests that are over from the job history, several at once.
public struct ContestHistory: Sendable {
    /// How many contests one transaction reads.
    private static let page = 25

    let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Gives each contest of the scope to `body`, in no particular order, on up to `readers` connections; returns the
    /// values in the order of the contests' numbers.
    ///
    /// - Parameter progress: Told how many are done, and of how many.
    /// - Throws: `HistoryError` when a contest that was asked for is unknown, not over or archived; what `body` throws.
    public func map<Value: Sendable>(
        _ scope: HistoryScope, readers: Int = 4, progress: @escaping WorkProgress = { _, _ in },
        _ body: @escaping @Sendable (PastContest) throws -> Value
    ) async throws -> [Value] {
        let contests = try await find(scope)
        // Each reader takes contests that follow one another, and so share a window and a baseline.
        let share = max(1, (contests.count + readers - 1) / max(1, readers))
        let counter = Counter()
        return try await withThrowingTaskGroup(of: (start: Int, values: [Value]).self) { group in
            for start in stride(from: 0, to: contests.count, by: share) {
                let ids = Array(contests[start..<min(start + share, contests.count)])
                group.addTask {
                    let values = try await read(ids, body) { count in
                        progress(counter.add(count), contests.count)
                    }
                    return (start, values)
                }
            }
            var parts: [(start: Int, values: [Value])] = []
            for try await part in group { parts.append(part) }
            return parts.sorted { $0.start < $1.start }.flatMap(\.values)
        }
    }

    /// One contest as it stands, and whether it is over.
    ///
    /// - Throws: `HistoryError` when it is unknown or archived; `InvalidValue` when its record can't be put together.
    public func contest(_ id: ContestID) async throws -> (record: ContestRecord, isOver: Bool) {
        try await checkIsHere(id)
        let found = try await database.transaction(.repeatableRead) { session -> (ContestRecord, Bool)? in
            guard let contest = try session.run(LoadContests(contests: [id])).first else { return nil }
            var reader = RecordReader()
            return (try reader.record(of: contest, in: &session).record, contest.state != .running)
        }
        guard let found else { throw HistoryError.unknown(id) }
        return found
    }

    /// - Throws: `HistoryError.archived`.
    func checkIsHere(_ contest: ContestID) async throws {
        try await database.run(FindContests(scope: .contests([contest]))).first?.checkIsHere()
    }

    /// - Throws: `HistoryError` when it is unknown, not over or archived.
    func checkIsOver(_ contest: ContestID) async throws {
        guard let found = try await database.run(FindContests(scope: .contests([contest]))).first else {
            throw HistoryError.unknown(contest)
        }
        guard found.isOver else { throw HistoryError.running(contest) }
        try found.checkIsHere()
    }

    private func read<Value: Sendable>(
        _ contests: [ContestID], _ body: @Sendable (PastContest) throws -> Value, progress: (Int) -> Void
    ) async throws -> [Value] {
        var values: [Value] = []
        var reader = RecordReader()
        for start in stride(from: 0, to: contests.count, by: Self.page) {
            let page = Array(contests[start..<min(start + Self.page, contests.count)])
            let before = reader
            let (read, after) = try await database.transaction(.repeatableRead) { session in
                var reader = before
                return (try Self.load(page, with: &reader, in: &session), reader)
            }
            reader = after
            values += try read.map(body)
            progress(page.count)
        }
        return values
    }

    private static func load(
        _ contests: [ContestID], with reader: inout RecordReader, in session: inout Session
    ) throws -> [PastContest] {
        let certificates = try session.run(LoadCertificates(contests: contests))
        return try session.run(LoadContests(contests: contests)).compactMap { contest in
            guard let ended = contest.ended else { return nil }
            let record: Result<ContestRecord, InvalidValue>
            do { record = .success(try reader.record(of: contest, in: &session).record) } catch let error
                as InvalidValue
            {
                record = .failure(error)
            }
            let reports = certificates.filter { $0.contest == contest.id }.map(\.report)
            return PastContest(
                contest: contest.id, record: record,
                stored: StoredVerdict(
                    verdict: Verdict(decision: ended.decision, environments: reports),
                    outcomeDigest: ended.outcomeDigest, evidenceDigest: ended.evidenceDigest))
        }
    }

    private func find(_ scope: HistoryScope) async throws -> [ContestID] {
        let found = try await database.run(FindContests(scope: scope))
        if case .contests(let wanted) = scope {
            let known = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
            for id in wanted {
                guard let contest = known[id] else { throw HistoryError.unknown(id) }
                guard contest.isOver else { throw HistoryError.running(id) }
            }
        }
        if scope != .all { try found.forEach { try $0.checkIsHere() } }
        return found.filter { $0.isOver && !$0.isArchived }.map(\.id)
    }
}

/// A count that several tasks add to.
private final class Counter: Sendable {
    private let value = Mutex(0)

    func add(_ count: Int) -> Int {
        value.withLock { value in
            value += count
            return value
        }
    }
}

/// Why a contest's history can't be told.
public enum HistoryError: Error, Sendable, CustomStringConvertible {
    case unknown(ContestID)
    case running(ContestID)
    case archived(ContestID, WindowID)

    public var description: String {
        switch self {
        case .archived(let id, let window):
            "contest \(id) was archived with window \(window): 'af contest replay --archive' reads the file, and "
                + "'af window restore \(window)' brings it back"
        case .unknown(let id): "there is no contest \(id): 'af contest list' shows those there are"
        case .running(let id): "contest \(id) is still running: only a contest that is over has a verdict"
        }
    }
}

private struct FoundContest: Sendable {
    var id: ContestID
    var isOver: Bool
    var window: WindowID
    var isArchived: Bool

    /// - Throws: `HistoryError.archived`.
    func checkIsHere() throws(HistoryError) {
        if isArchived { throw .archived(id, window) }
    }
}

/// The scope's contests in the order of their numbers.
private struct FindContests: Statement {
    static let sql = """
        SELECT c.id, c.state <> 'running', c.window_id,
               EXISTS (SELECT FROM affine.window_archive a WHERE a.window_id = c.window_id)
        FROM affine.contest c
        WHERE ($1::bigint IS NULL OR c.window_id = $1) AND ($2::bigint[] IS NULL OR c.id = ANY ($2)) ORDER BY c.id
        """
    var scope: HistoryScope

    func bind(_ bindings: inout Bindings) {
        let window: WindowID? = if case .window(let window) = scope { window } else { nil }
        let contests: [ContestID]? = if case .contests(let contests) = scope { contests } else { nil }
        bindings.append(window)
        bindings.append(contests)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> FoundContest {
        try FoundContest(id: row.next(), isOver: row.next(), window: row.next(), isArchived: row.next())
    }
}

private struct LoadCertificates: Statement {
    static let sql = """
        SELECT d.contest, n.name, d.standing, d.tasks, d.decided, d.champion_sum_nano, d.challenger_lo_nano,
               d.challenger_hi_nano, d.lower_nano, d.upper_nano, d.reason
        FROM affine.contest_environment d JOIN affine.environment n ON n.id = d.environment
        WHERE d.contest = ANY ($1) ORDER BY d.contest, n.name COLLATE "C"
        """
    var contests: [ContestID]
    func bind(_ bindings: inout Bindings) { bindings.append(contests) }

    static func decode(
        _ row: inout RowReader
    ) throws(PostgresError) -> (contest: ContestID, report: EnvironmentReport) {
        let contest: ContestID = try row.next()
        let environment: EnvironmentName = try row.next()
        let standing: String = try row.next()
        let (tasks, decided): (Int32, Int32) = (try row.next(), try row.next())
        var sums: [ScoreSum] = []
        for _ in 0..<5 { sums.append(ScoreSum(nano: Int128(try row.next(Int64.self)))) }
        guard let state = EnvironmentState(rawValue: standing), sums[1] <= sums[2], sums[3] <= sums[4] else {
            throw PostgresError(.decoding, "the certificate of contest \(contest) in \(environment) is none")
        }
        let report = try EnvironmentReport(
            environment: environment, state: state, tasks: Int64(tasks), decided: Int64(decided), championSum: sums[0],
            challengerSums: sums[1]...sums[2], slack: sums[3]...sums[4], reason: row.next())
        return (contest, report)
    }
}
