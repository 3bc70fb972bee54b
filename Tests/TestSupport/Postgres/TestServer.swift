import Foundation
import LocalCluster
import Logging
import Postgres
import Synchronization

/// Why the server for the tests could not be had.
struct TestServerError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The one server of a test process: the one that `AFFINE_TEST_POSTGRES` names (a superuser's connection string), else a
/// throwaway cluster that is gone when the process is.
enum TestServer {
    private struct Server: Sendable {
        let address: ConnectionString
        let admin: Database
    }

    private static let server = Once<Server>()
    private static let templates = Mutex<[String: Once<String>]>([:])
    private static let lastDatabase = Atomic(0)

    /// The address of a new database, cloned from the template, which is made when first wanted.
    static func clone(_ template: DatabaseTemplate) async throws -> ConnectionString {
        let server = try await server.value(start)
        let once = templates.withLock { templates in
            let once = templates[template.name] ?? Once()
            templates[template.name] = once
            return once
        }
        let source = try await once.value { try await make(template, server) }
        let number = lastDatabase.add(1, ordering: .relaxed).newValue
        let name = "test_\(getpid())_\(number)"
        try await execute("CREATE DATABASE \"\(name)\" TEMPLATE \"\(source)\"", server)
        return place(name, server)
    }

    static func drop(_ database: ConnectionString) async throws {
        let server = try await server.value(start)
        try await execute("DROP DATABASE IF EXISTS \"\(database["dbname"] ?? "")\" WITH (FORCE)", server)
    }

    private static func make(_ template: DatabaseTemplate, _ server: Server) async throws -> String {
        let name = "template_\(template.name)_\(getpid())"
        try await execute("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)", server)
        try await execute("CREATE DATABASE \"\(name)\"", server)
        let database = Database(DatabaseSettings(url: place(name, server).url), logger: FreshDatabase.logger)
        do { try await template.prepare(database) } catch {
            await database.close()
            throw error
        }
        // Nothing may be connected to what is cloned.
        await database.close()
        return name
    }

    private static func start() async throws -> Server {
        let address = try ConnectionString(await url())
        var settings = DatabaseSettings(url: address.url)
        settings.maximumConnections = 4
        settings.statementTimeout = .zero
        return Server(address: address, admin: Database(settings, logger: FreshDatabase.logger))
    }

    private static func url() async throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["AFFINE_TEST_POSTGRES"], !given.isEmpty { return given }
        let folder = "/tmp/affine-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let cluster = LocalCluster(
            folder: folder, durability: .throwaway,
            settings: [
                "max_connections": "400", "max_prepared_transactions": "10", "shared_buffers": "64MB",
                // Nobody waits for it, unless a test turns synchronous_commit on to lose the answer to a commit.
                "synchronous_standby_names": "nobody",
            ], binaries: environment["PG_BIN"], logger: FreshDatabase.logger)
        // SIGQUIT stops a server at once; the folder goes with it.
        try Cleaner.start("kill -QUIT $(head -1 \"$1/data/postmaster.pid\"); sleep 0.2; rm -rf \"$1\"", [folder])
        _ = try await cluster.start()
        return cluster.connectionString()
    }

    private static func place(_ database: String, _ server: Server) -> ConnectionString {
        var address = server.address
        address["dbname"] = database
        return address
    }

    private static func execute(_ sql: String, _ server: Server) async throws {
        try await server.admin.withSession { try $0.execute(sql) }
    }
}
