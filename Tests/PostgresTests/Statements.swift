import Postgres
import TestSupport
import Testing

/// One `int8`.
struct Number: Statement {
    static let sql = "SELECT $1"
    let value: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(value) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct Sleep: Statement {
    static let sql = "SELECT pg_sleep(60)"
}

struct BackendID: Statement {
    static let sql = "SELECT pg_backend_pid()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

struct Terminate: Statement {
    static let sql = "SELECT pg_terminate_backend($1)"
    let backend: Int32
    func bind(_ bindings: inout Bindings) { bindings.append(backend) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

/// How many other sessions of this database run a text like `pattern`, wait on a lock where wanted.
struct Running: Statement {
    static let sql = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE $1
          AND (wait_event_type = 'Lock' OR NOT $2)
        """
    let pattern: String
    var onLock = false

    func bind(_ bindings: inout Bindings) {
        bindings.append(pattern)
        bindings.append(onLock)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

extension FreshDatabase {
    /// Asks the server until a session runs a text like `pattern`.
    func untilRunning(_ pattern: String, onLock: Bool = false) async throws {
        while try await database.run(Running(pattern: pattern, onLock: onLock)) == [0] { await Task.yield() }
    }

    /// A pool of its own, closed afterwards.
    func withPool(
        maximum: Int = 2, change: (inout DatabaseSettings) -> Void = { _ in }, _ body: (Database) async throws -> Void
    ) async throws {
        var settings = settings()
        settings.maximumConnections = maximum
        change(&settings)
        let pool = Database(settings, logger: Self.logger)
        let result: Result<Void, any Error>
        do { result = .success(try await body(pool)) } catch { result = .failure(error) }
        await pool.close()
        try result.get()
    }
}

/// The `PostgresError` that `body` throws; records an issue when there is none.
func postgresError(
    _ body: () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) async throws -> PostgresError {
    let error = await #expect(throws: PostgresError.self, sourceLocation: sourceLocation) { try await body() }
    return try #require(error)
}
