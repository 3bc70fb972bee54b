import FoundationEssentials
import Glibc
import LocalCluster
import Logging
import Migrating
import Migrations
import Postgres

/// A migrated database that holds nothing but the benchmark, removed afterwards.
struct BenchDatabase: Sendable {
    struct Settings: Sendable {
        var inMemory: Bool
        var flushMilliseconds: Int
        var variant: String?
        /// Server sessions of a private pooler that worker processes go through; nil for none.
        var poolSize: Int?
    }

    /// As superuser.
    let owner: Database
    let ownerURL: String
    /// For worker processes.
    let workerURL: String
    /// Whether `workerURL` leads through a pooler in transaction mode.
    var isPooled = false
    /// The private pooler's process.
    var pooler: Int32?
    let logger: Logger

    static func with<Value>(
        _ settings: Settings, _ options: CommonOptions, _ body: (BenchDatabase) async throws -> Value
    ) async throws -> Value {
        var logger = options.logger
        if !options.logs.verbose { logger.logLevel = .warning }
        if let url = options.resolvedDatabaseURL {
            return try await inDatabase(url, workerRole: nil, pooled: options.pooled, settings, logger, body)
        }
        let folder = "\(settings.inMemory ? "/dev/shm" : "/tmp")/af-bench-\(getpid())"
        let cluster = LocalCluster(folder: folder, settings: clusterSettings(settings), logger: logger)
        return try await afterwards {
            _ = try await cluster.start()
            return try await inDatabase(
                cluster.connectionString(), workerRole: workerRole, pooled: false, settings, logger
            ) { database in
                guard let size = settings.poolSize else { return try await body(database) }
                return try await throughPooler(database, size: size, folder: "\(folder)/pooler", body)
            }
        } do: {
            try await cluster.stop(.immediate)
            try FileManager.default.removeItem(atPath: folder)
        }
    }

    private static let workerRole = "affine_worker"

    private static func throughPooler<Value>(
        _ database: BenchDatabase, size: Int, folder: String, _ body: (BenchDatabase) async throws -> Value
    ) async throws -> Value {
        var settings = LocalPooler.Settings(users: [workerRole])
        settings.poolSize = size
        settings.maximumClients = 5_000
        let pooler = try LocalPooler(
            folder: folder, server: database.workerURL, settings: settings, logger: database.logger)
        return try await afterwards {
            try await pooler.start()
            let name = try ConnectionString(database.workerURL)["dbname"] ?? ""
            return try await body(
                BenchDatabase(
                    owner: database.owner, ownerURL: database.ownerURL,
                    workerURL: pooler.connectionString(database: name, user: workerRole),
                    isPooled: true, pooler: pooler.processID, logger: database.logger))
        } do: {
            try await pooler.stop()
        }
    }

    /// Durable as installed; only sizes differ, and how long a flush waits where that was asked for.
    private static func clusterSettings(_ settings: Settings) -> [String: String] {
        var all = ["shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "200"]
        if settings.flushMilliseconds > 0 {
            all["commit_delay"] = String(settings.flushMilliseconds * 1_000)
            all["commit_siblings"] = "0"
        }
        return all
    }

    private static func inDatabase<Value>(
        _ url: String, workerRole: String?, pooled: Bool, _ settings: Settings, _ logger: Logger,
        _ body: (BenchDatabase) async throws -> Value
    ) async throws -> Value {
        let name = "affine_bench_\(getpid())"
        let maintenance = Database(Backend.settings(url, connections: 1, pooled: pooled), logger: logger)
        try await maintenance.withSession { try $0.execute("CREATE DATABASE \(name)") }
        return try await afterwards {
            var place = try ConnectionString(url)
            place["dbname"] = name
            var ownerSettings = Backend.settings(place.url, connections: 4, pooled: pooled)
            ownerSettings.statementTimeout = .zero
            ownerSettings.idleInTransactionTimeout = .zero
            let owner = Database(ownerSettings, logger: logger)
            return try await afterwards {
                try await migrate(owner, settings, logger)
                if let workerRole {
                    try await owner.withSession { try $0.execute("ALTER ROLE \(workerRole) LOGIN") }
                    place["user"] = workerRole
                }
                return try await body(
                    BenchDatabase(
                        owner: owner, ownerURL: ownerSettings.url, workerURL: place.url, isPooled: pooled,
                        logger: logger)
                )
            } do: {
                await owner.close()
            }
        } do: {
            try await maintenance.withSession { try $0.execute("DROP DATABASE \(name) WITH (FORCE)") }
            await maintenance.close()
        }
    }

    private static func migrate(_ owner: Database, _ settings: Settings, _ logger: Logger) async throws {
        try await Migrator(migrations: Catalogue.migrations, logger: logger).migrate(owner)
        if let variant = settings.variant {
            try await owner.withSession { try $0.execute(variant) }
        }
    }

    /// Cleans up whether `body` succeeds or not; its error counts more than one of the cleaning.
    private static func afterwards<Value>(
        _ body: () async throws -> Value, do clean: () async throws -> Void
    ) async throws -> Value {
        let value: Value
        do { value = try await body() } catch {
            try? await clean()
            throw error
        }
        try await clean()
        return value
    }
}
