public import HTTPClient
public import Logging
public import Postgres
internal import Records
public import ServiceLifecycle

/// Moves the arena forward and brings back lost work, until it is told to stop. Any number may run side by side.
public struct CoordinatorService: Service {
    private let arena: Arena
    private let database: Database
    private let ranges: RangeSources
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: How often to look, when nothing moves.
    public init(
        database: Database, settings: ArenaSettings, http: HTTPClient, interval: Duration = .milliseconds(250),
        logger: Logger
    ) {
        self.ranges = RangeSources(database: database, http: http, readsPrivate: settings.readsPrivateSources)
        self.arena = Arena(database: database, settings: settings, logger: logger)
        self.database = database
        self.interval = interval
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await repeating("advance", every: interval, logger) { try await arena.advance() } }
                group.addTask { await repeating("ranges", every: .seconds(10), logger) { try await ranges.refresh() } }
                group.addTask { await repeating("rescue", every: .seconds(1), logger) { try await rescue() } }
                group.addTask { await repeating("sums", every: .seconds(60), logger) { try await sum() } }
            }
        }
    }

    private func sum() async throws {
        _ = try await database.run(SumAttempts())
        try await SumEnded.all(in: database)
    }

    private func rescue() async throws {
        let jobs = try await database.run(Rescue()).first ?? 0
        if jobs > 0 { logger.notice("jobs were rescued from lost leases", metadata: ["jobs": "\(jobs)"]) }
        let hopeless = try await database.run(
            FailUndeployable(hosts: arena.settings.undeployableHosts, loads: arena.settings.undeployableLoads)
        ).first
        if let hopeless, hopeless > 0 {
            logger.notice(
                "a model can't be loaded; what it owes counts as its own fault",
                metadata: ["evaluations": "\(hopeless)"])
        }
        let late = try await database.run(BackUp()).first ?? 0
        if late > 0 { logger.notice("jobs of stragglers were offered to others", metadata: ["jobs": "\(late)"]) }
    }
}

/// Row: how many jobs went back to the queue.
struct Rescue: Statement {
    static let sql = "SELECT affine.rescue()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

/// Row: how many jobs of stragglers were queued for others as well.
struct BackUp: Statement {
    static let sql = "SELECT affine.back_up()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

/// Sums attempts for dashboards up to a moment that every report of before is long committed. Row: how many rows that made.
struct SumAttempts: Statement {
    static let sql = "SELECT affine.sum_attempts(clock_timestamp() - interval '2 minutes')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Sums one evaluation that ended, for dashboards. Row: its number; nil when nothing is left to do.
struct SumEnded: Statement {
    static let sql = "SELECT affine.sum_ended()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64? { try row.next() }

    /// One after another, in a transaction each, so that a long history holds nobody up.
    static func all(in database: Database) async throws {
        while try await database.run(SumEnded()).first ?? nil != nil {}
    }
}

/// Row: how many evaluations came to an end because their model can't be loaded.
struct FailUndeployable: Statement {
    static let sql = "SELECT affine.fail_undeployable($1, $2)"
    var hosts: Int32
    var loads: Int32

    func bind(_ bindings: inout Bindings) {
        bindings.append(hosts)
        bindings.append(loads)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}
