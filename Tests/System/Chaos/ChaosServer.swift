import FoundationEssentials
import Glibc
import LocalCluster
import Postgres
import Subprocess
import SystemPackage
import TestSupport

/// Postgres on a disk of its own where there may be one, and a PgBouncer before it. An actor, since they are repaired from
/// many sides.
actor ChaosServer {
    private let folder: String
    private let cluster: LocalCluster
    private let pooler: LocalPooler
    /// Nil on a machine where no file system can be mounted.
    private let disk: String?

    static let users = ["affine_coordinator", "affine_worker"]

    init(folder: String) async throws {
        self.folder = folder
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let disk = "\(folder)/disk"
        try FileManager.default.createDirectory(
            atPath: disk, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let isMounted =
            if geteuid() == 0 { try await Self.run("mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk) } else {
                false
            }
        self.disk = isMounted ? disk : nil
        // Only the power's going out would tell whether the disk was waited for, and it stays on.
        let settings = ["fsync": "off", "max_connections": "60", "max_wal_size": "64MB", "min_wal_size": "32MB"]
        cluster = LocalCluster(folder: "\(disk)/db", settings: settings, logger: FreshDatabase.logger)
        pooler = try LocalPooler(
            folder: "\(folder)/pooler", server: cluster.connectionString(), settings: .init(users: Self.users),
            logger: FreshDatabase.logger)
    }

    nonisolated func url(_ user: String = "postgres") -> String {
        cluster.connectionString(database: "affine", user: user)
    }

    nonisolated func pooledURL(_ user: String) -> String { pooler.connectionString(database: "affine", user: user) }

    /// A pool of the superuser's.
    nonisolated func owner() -> Database { Database(DatabaseSettings(url: url()), logger: FreshDatabase.logger) }

    /// The first start of all, with an empty database.
    func prepare() async throws {
        _ = try await cluster.start()
        let maintenance = Database(DatabaseSettings(url: cluster.connectionString()), logger: FreshDatabase.logger)
        try await maintenance.withSession { try $0.execute("CREATE DATABASE affine") }
        await maintenance.close()
        let migrated = try await Program.run("db", "migrate", "--database-url", url())
        guard migrated.exitCode == 0 else { throw ScenarioError("the schema is not there: \(migrated.errors)") }
        let owner = owner()
        try await owner.withSession { session in
            for user in Self.users { try session.execute("ALTER ROLE \(user) LOGIN") }
        }
        await owner.close()
        try await pooler.start()
    }

    /// As systemd would, until they are up.
    func repair(_ tally: ChaosTally) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await cluster.start()
                if pooler.processID == nil { try await pooler.start() }
                return
            } catch  where ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    func killPostmaster() -> Bool {
        guard case .running(let id) = cluster.status() else { return false }
        return kill(id, SIGKILL) == 0
    }

    func crash() async throws { try await cluster.stop(.immediate) }

    func killPooler() -> Bool {
        guard let id = pooler.processID else { return false }
        return kill(id, SIGKILL) == 0
    }

    /// Fills the disk to the last byte; false where the disk is not ours alone.
    func fillDisk() -> Bool {
        guard let disk else { return false }
        let file = open("\(disk)/ballast", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { return false }
        let block = [UInt8](repeating: 0, count: 4_096)
        while write(file, block, block.count) > 0 {}
        close(file)
        return true
    }

    func emptyDisk() {
        if let disk { unlink("\(disk)/ballast") }
    }

    /// Why the disk can't be filled; nil where it can.
    var diskRefusal: String? { disk == nil ? "needs root and mount(8)" : nil }

    func end() async {
        try? await pooler.stop()
        try? await cluster.stop(.immediate)
        if let disk { _ = try? await Self.run("umount", "-l", disk) }
    }

    private static func run(_ program: String, _ arguments: String...) async throws -> Bool {
        let result = try await Subprocess.run(
            .name(program), arguments: Arguments(arguments), input: .none, output: .discarded, error: .discarded)
        return result.terminationStatus.isSuccess
    }
}
