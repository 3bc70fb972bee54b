import Foundation
import LocalCluster
import Postgres
import TestSupport
import Testing

/// A server that waits for its standby commits for itself alone when that wait is cancelled, and only warns of it.
@Suite(.timeLimit(.minutes(5))) struct ReplicationTests {
    @Test("what no standby confirmed is no success, and nothing can be read before one confirmed it")
    func unconfirmed() async throws {
        let folder = "/tmp/affine-replication-\(ProcessInfo.processInfo.processIdentifier)"
        let cluster = LocalCluster(
            folder: folder, settings: ["synchronous_standby_names": "absent"],
            binaries: ProcessInfo.processInfo.environment["PG_BIN"], logger: FreshDatabase.logger)
        _ = try await cluster.start()
        let settings = DatabaseSettings(url: cluster.connectionString())
        let (database, owner) = (
            Database(settings, logger: FreshDatabase.logger), Database(settings, logger: FreshDatabase.logger)
        )
        let result: Result<Void, any Error>
        do { result = .success(try await story(database, owner)) } catch { result = .failure(error) }
        await database.close()
        await owner.close()
        try await cluster.stop(.immediate)
        try FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private func story(_ database: Database, _ owner: Database) async throws {
        try await owner.withSession { session in
            try session.execute("SET synchronous_commit = local")
            try session.execute("CREATE TABLE note (id int8)")
        }
        let error = try await postgresError {
            async let written: Void = database.transaction { try $0.execute("INSERT INTO note VALUES (1)") }
            try await cancelWaiting("COMMIT", owner)
            try await written
        }
        #expect(error.code == .unreplicated && error.isRetryable)

        let again = try await postgresError {
            async let count = database.run(CountNotes())
            try await cancelWaiting("SELECT pg_logical_emit_message%", owner)
            _ = try await count
        }
        #expect(again.code == .unreplicated)
        async let count = database.run(CountNotes())
        try await eventually("nothing is read") {
            try await owner.run(Waiting(query: "SELECT pg_logical_emit_message%")).count == 1
        }
        try await owner.withSession { session in
            try session.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            try session.execute("SELECT pg_reload_conf()")
        }
        try await #expect(count == [1])
    }

    /// Ends the wait of whoever has such a statement and waits for the standby.
    private func cancelWaiting(_ query: String, _ owner: Database) async throws {
        try await eventually("the server waits for its standby") {
            try await !owner.run(Waiting(query: query)).isEmpty
        }
        try await owner.withSession { session in
            for process in try session.run(Waiting(query: query)) {
                try session.execute("SELECT pg_cancel_backend(\(process))")
            }
        }
    }
}

private struct CountNotes: Statement {
    static let sql = "SELECT count(*) FROM note"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Processes that wait for a standby with a statement like this.
private struct Waiting: Statement {
    static let sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE $1"
    var query: String
    func bind(_ bindings: inout Bindings) { bindings.append(query) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}
