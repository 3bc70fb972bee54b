import Foundation
import LocalCluster
public import Postgres

/// The way to a test's database through a real PgBouncer in transaction mode, with logins of its own.
public struct PooledDatabase: Sendable {
    let pooler: LocalPooler
    let database: String
    let logins: [String: String]

    /// For a pool of the test's own that acts as a role.
    public func settings(as role: String) -> DatabaseSettings {
        let login = logins[role]
        precondition(login != nil, "the pooler knows no login of \(role)")
        var settings = DatabaseSettings(
            url: pooler.connectionString(database: database, user: login ?? ""))
        settings.ownsServerSession = false
        return settings
    }
}

extension FreshDatabase {
    /// Whether the server is a private one, which lets everybody in who reaches its socket.
    public static let hasPrivateServer = (ProcessInfo.processInfo.environment["AFFINE_TEST_POSTGRES"] ?? "").isEmpty

    /// Runs `body` with a PgBouncer before the test's database and a login for each role, as production has it.
    ///
    /// - Parameter poolSize: Server sessions for each login.
    public func withPooler<Value>(
        roles: [String], poolSize: Int, _ body: (PooledDatabase) async throws -> Value
    ) async throws -> Value {
        let name = try ConnectionString(url())["dbname"] ?? ""
        let logins = Dictionary(uniqueKeysWithValues: roles.map { ($0, "\($0)_\(name)") })
        var settings = LocalPooler.Settings(users: logins.values.sorted())
        settings.poolSize = poolSize
        let folder = "/tmp/affine-pooler-\(name)-\(UInt32.random(in: 0 ... .max))"
        let pooler = try LocalPooler(folder: folder, server: url(), settings: settings, logger: Self.logger)
        for (role, login) in logins { try await execute("CREATE ROLE \(login) LOGIN IN ROLE \(role)") }
        try Cleaner.start("kill $(cat \"$1/pgbouncer.pid\"); sleep 0.2; rm -rf \"$1\"", [folder])
        let result: Result<Value, any Error>
        do {
            try await pooler.start()
            result = .success(
                try await body(PooledDatabase(pooler: pooler, database: name, logins: logins)))
        } catch {
            result = .failure(error)
        }
        try await pooler.stop()
        try? FileManager.default.removeItem(atPath: folder)
        for login in logins.values { try await execute("DROP ROLE \(login)") }
        return try result.get()
    }

    private func execute(_ sql: String) async throws {
        try await database.withSession { try $0.execute(sql) }
    }
}
