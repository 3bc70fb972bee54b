import Foundation
import Glibc
import LocalCluster
import Postgres
import TestSupport
import Testing

private struct ServerSession: Statement {
    static let sql = "SELECT pg_backend_pid()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

@Suite(
    .freshDatabase, .timeLimit(.minutes(10)),
    .enabled(if: FreshDatabase.hasPrivateServer, "needs a server that trusts whoever reaches its socket"))
struct LocalPoolerTests {
    /// A pooler in a folder that is gone afterwards.
    private func withPooler(poolSize: Int = 1, _ body: (LocalPooler) async throws -> Void) async throws {
        let folder = "/tmp/affine-pooler-\(getpid())-\(UInt32.random(in: 0 ... .max)) it's"
        var settings = LocalPooler.Settings(users: ["postgres"])
        settings.poolSize = poolSize
        let pooler = try LocalPooler(
            folder: folder, server: FreshDatabase.current.url(), settings: settings, logger: FreshDatabase.logger)
        let result: Result<Void, any Error>
        do { result = .success(try await body(pooler)) } catch { result = .failure(error) }
        try await pooler.stop()
        try? FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private func withClient<T: Sendable>(
        _ pooler: LocalPooler, user: String = "postgres", _ body: (Database) async throws -> T
    ) async throws -> T {
        var settings = DatabaseSettings(url: pooler.connectionString(database: "postgres", user: user))
        settings.ownsServerSession = false
        let database = Database(settings, logger: FreshDatabase.logger)
        let result: Result<T, any Error>
        do { result = .success(try await body(database)) } catch { result = .failure(error) }
        await database.close()
        return try result.get()
    }

    @Test("a pooler is started and stopped, and started again after it was killed")
    func lifecycle() async throws {
        try await withPooler { pooler in
            #expect(pooler.processID == nil)
            try await pooler.start()
            let first = try #require(pooler.processID)
            #expect(try await withClient(pooler) { try await $0.run(ServerSession()).count } == 1)
            try await pooler.stop()
            #expect(pooler.processID == nil)
            #expect(FileManager.default.fileExists(atPath: "\(pooler.folder)/.s.PGSQL.6432") == false)
            try await pooler.stop()

            try await pooler.start()
            let second = try #require(pooler.processID)
            #expect(second != first)
            kill(second, SIGKILL)
            while pooler.processID != nil { await Task.yield() }
            try await pooler.start()
            #expect(try await withClient(pooler) { try await $0.run(ServerSession()).count } == 1)
        }
    }

    @Test("clients that do not want it at the same time take turns with one server session")
    func turns() async throws {
        try await withPooler { pooler in
            try await pooler.start()
            try await withClient(pooler) { one in
                try await withClient(pooler) { other in
                    let sessions = [
                        try await one.run(ServerSession()), try await other.run(ServerSession()),
                        try await one.run(ServerSession()),
                    ]
                    #expect(Set(sessions.joined()).count == 1)
                }
            }
        }
    }

    @Test("only the users that were named may connect")
    func strangers() async throws {
        try await withPooler { pooler in
            try await pooler.start()
            let error = await #expect(throws: PostgresError.self) {
                _ = try await withClient(pooler, user: "affine_owner") { try await $0.run(ServerSession()) }
            }
            #expect(error?.code == .connectionFailed)
        }
    }

    @Test("a second pooler in the same folder is refused with the reason, and the first goes on")
    func twice() async throws {
        try await withPooler { pooler in
            try await pooler.start()
            let first = pooler.processID
            let error = await #expect(throws: LocalClusterError.self) { try await pooler.start() }
            #expect(error?.code == .toolFailed && error?.detail.contains("socket is in use") == true)
            #expect(pooler.processID == first)
        }
    }

    @Test("where PgBouncer is missing the error says where it was looked for and how to get it")
    func missing() async throws {
        let pooler = try LocalPooler(
            folder: "/tmp/affine-pooler-none", server: FreshDatabase.current.url(),
            settings: .init(users: ["postgres"]),
            binary: "/nowhere/pgbouncer", logger: FreshDatabase.logger)
        let error = await #expect(throws: LocalClusterError.self) { try await pooler.start() }
        #expect(error?.code == .binariesMissing)
        #expect(error?.detail.contains("/nowhere/pgbouncer") == true)
        #expect(error?.detail.contains("apt-get install pgbouncer") == true)
    }
}
