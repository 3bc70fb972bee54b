import Coordinator
import LocalCluster
import Logging
import Migrating
import Migrations
import Postgres

/// The database a command works on: the one it was pointed at, or a private cluster.
struct Backend: Sendable {
    /// With the coordinator's rights.
    let database: Database
    /// For worker processes, with a worker's rights; nil where the database is not ours to hand out.
    let workerURL: String?

    static let databaseName = "affine"
    /// Everything Affine stores is in these.
    static let schemas = ["affine", "ops"]
    /// The same with the ledger of migrations.
    static let storedSchemas = schemas + ["affine_migrations"]

    /// Opens the database, runs `body`, and stops the private cluster if nobody else uses it.
    static func with<Value>(
        _ options: CommonOptions, logger: Logger? = nil, _ body: (Backend) async throws -> Value
    ) async throws -> Value {
        let logger = logger ?? options.logger
        if let url = options.resolvedDatabaseURL {
            let backend = Backend(
                database: Database(settings(url, pooled: options.pooled), logger: logger), workerURL: nil)
            return try await closing(backend.database) { _ in try await body(backend) }
        }
        return try await running(privateCluster(options, logger: logger)) { cluster in
            let backend = try await prepare(cluster, logger: logger)
            return try await closing(backend.database) { _ in try await body(backend) }
        }
    }

    /// Opens the database with the rights to change its schema; a private cluster is started, but not migrated.
    static func withOwner<Value>(
        _ options: CommonOptions, _ body: (Database) async throws -> Value
    ) async throws -> Value {
        try await withOwner(options) { database, _ in try await body(database) }
    }

    /// The same for who hands the address on to another program.
    static func withOwner<Value>(
        _ options: CommonOptions, _ body: (Database, _ url: String) async throws -> Value
    ) async throws -> Value {
        if let url = options.resolvedDatabaseURL {
            return try await closing(Database(settings(url), logger: options.logger)) { try await body($0, url) }
        }
        return try await running(privateCluster(options, logger: options.logger)) { cluster in
            try await createDatabase(in: cluster, logger: options.logger)
            let url = cluster.connectionString(database: databaseName)
            return try await closing(Database(settings(url), logger: options.logger)) { try await body($0, url) }
        }
    }

    static func settings(_ url: String, connections: Int = 8, pooled: Bool = false) -> DatabaseSettings {
        var settings = DatabaseSettings(url: url)
        settings.maximumConnections = connections
        settings.ownsServerSession = !pooled
        return settings
    }

    /// A transaction that somebody forgot in it does not hold its snapshot for ever.
    private static func privateCluster(_ options: CommonOptions, logger: Logger) -> LocalCluster {
        LocalCluster(
            folder: options.resolvedDataFolder, settings: ["idle_in_transaction_session_timeout": "10min"],
            logger: logger)
    }

    private static func closing<Value>(
        _ database: Database, _ body: (Database) async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }

    /// Starts the cluster if it does not run; whoever uses it last stops it.
    private static func running<Value>(
        _ cluster: LocalCluster, _ body: (LocalCluster) async throws -> Value
    ) async throws -> Value {
        _ = try await cluster.start()
        let users = try ClusterUsers.join(folder: cluster.folder)
        // Somebody who left while we came may have stopped it.
        _ = try await cluster.start()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(cluster))
        } catch {
            result = .failure(error)
        }
        if users.isLast() { try await cluster.stop() }
        return try result.get()
    }

    private static func createDatabase(in cluster: LocalCluster, logger: Logger) async throws {
        try await closing(Database(settings(cluster.connectionString()), logger: logger)) { maintenance in
            guard try await maintenance.run(DatabaseExists()).isEmpty else { return }
            try await maintenance.withSession { try $0.execute("CREATE DATABASE \(databaseName)") }
        }
    }

    /// Creates and migrates the database of a private cluster, and lets the roles log in: its socket is ours alone.
    private static func prepare(_ cluster: LocalCluster, logger: Logger) async throws -> Backend {
        try await createDatabase(in: cluster, logger: logger)
        let ownerURL = cluster.connectionString(database: databaseName)
        try await closing(Database(settings(ownerURL), logger: logger)) { owner in
            try await Migrator(migrations: Catalogue.migrations, logger: logger).migrate(owner)
            try await owner.withSession { session in
                for role in ["affine_coordinator", "affine_worker", "affine_dashboard"] {
                    try session.execute("ALTER ROLE \(role) LOGIN")
                }
            }
        }
        let url = cluster.connectionString(database: databaseName, user: "affine_coordinator")
        return Backend(
            database: Database(settings(url), logger: logger),
            workerURL: cluster.connectionString(database: databaseName, user: "affine_worker"))
    }
}

private struct DatabaseExists: Statement {
    static let sql = "SELECT 1 FROM pg_database WHERE datname = '\(Backend.databaseName)'"
}
