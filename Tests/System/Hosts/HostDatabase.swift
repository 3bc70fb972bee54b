import FoundationEssentials
import Glibc
import Postgres
import TestSupport

/// A primary and a standby that answer on their hosts' addresses, over TLS and with passwords, and to this process through
/// sockets, which no cut link concerns.
struct HostDatabase: Sendable {
    static let (primary, standby) = ("db1", "db2")
    static let password = "nobody-else-knows-this"

    let network: HostNetwork
    /// Of the database alone; every account may enter.
    let folder: String

    /// Who signed the servers' certificate: itself.
    var authority: String { "\(folder)/server.pem" }

    /// As workers and coordinators name it: both machines, whichever may be written to, and no other that says it is one.
    func url(_ user: String, authority: String? = nil) -> String {
        let hosts = "\(network.address(Self.primary)),\(network.address(Self.standby))"
        return "postgresql://\(user):\(Self.password)@\(hosts)/affine?target_session_attrs=read-write"
            + "&sslmode=verify-full&sslrootcert=\(authority ?? self.authority)"
    }

    /// The primary under a name that its certificate does not have.
    func misnamedURL(_ user: String) -> String {
        "postgresql://\(user):\(Self.password)@another.example/affine?hostaddr=\(network.address(Self.primary))"
            + "&sslmode=verify-full&sslrootcert=\(authority)"
    }

    /// A pool of the superuser's.
    func owner() -> Database {
        let sockets = "\(socket(Self.primary)),\(socket(Self.standby))"
        return Database(
            DatabaseSettings(
                url: "postgresql:///affine?host=\(sockets)&user=postgres&target_session_attrs=read-write"),
            logger: FreshDatabase.logger)
    }

    /// Makes the hosts and the database, lends it, and takes everything away again.
    static func with<Value: Sendable>(
        others: [String] = [], _ body: (HostDatabase) async throws -> Value
    ) async throws -> Value {
        try await withDataFolder { folder in
            let network = try await HostNetwork(hosts: [primary, standby] + others)
            let database = HostDatabase(network: network, folder: folder)
            let result: Result<Value, any Error>
            do {
                try await database.prepare()
                result = .success(try await body(database))
            } catch { result = .failure(error) }
            // Its servers end with the folder in which they work.
            await network.remove()
            return try result.get()
        }
    }

    /// A new cluster on the primary, with the schema and logins of the arena's roles, and a standby without which nothing is
    /// confirmed.
    private func prepare() async throws {
        try makeFolder(folder)
        for host in [Self.primary, Self.standby] { try makeFolder(socket(host)) }
        try await Self.makeCertificate(authority, for: [Self.primary, Self.standby].map(network.address))
        try await Tool.run(["chown", "postgres", "\(authority).key"])
        try await tool(
            Self.primary, "initdb", ["-D", data(Self.primary), "-U", "postgres", "--no-sync", "-A", "trust"])
        try configure()
        try await start(Self.primary)
        try await tool(Self.primary, "createdb", ["-h", socket(Self.primary), "-U", "postgres", "affine"])
        let migrated = try await Program.run(
            "db", "migrate", "--database-url", "postgresql:///affine?host=\(socket(Self.primary))&user=postgres")
        guard migrated.exitCode == 0 else { throw ScenarioError("the schema is not there: \(migrated.errors)") }
        for role in ["affine_coordinator", "affine_worker"] {
            try await ask(Self.primary, "ALTER ROLE \(role) LOGIN PASSWORD '\(Self.password)'")
        }
        try await follow()
    }

    /// As when the machine's power goes: no answer, not even a refusal.
    func losePrimary() async throws {
        try await network.isolate(Self.primary)
        let server = Processes.working(in: data(Self.primary))
        guard !server.isEmpty else { throw ScenarioError("no primary runs") }
        for process in server { kill(process, SIGKILL) }
    }

    /// What Patroni does once it knows that the primary is gone.
    func promoteStandby() async throws {
        try await tool(Self.standby, "pg_ctl", ["-D", data(Self.standby), "-w", "promote"])
    }

    /// Takes our own sessions off the primary, as if we stood on the standby's side; whoever else speaks with it goes on.
    ///
    /// - Returns: A pool of the superuser's that looks into the old primary.
    func leavePrimary() async throws -> Database {
        let aside = "\(socket(Self.primary))/aside"
        try makeFolder(aside)
        let name = "/.s.PGSQL.5432"
        guard rename(socket(Self.primary) + name, aside + name) == 0 else {
            throw ScenarioError("the primary has no socket to take away")
        }
        let witness = Database(
            DatabaseSettings(url: "postgresql:///affine?host=\(aside)&user=postgres"), logger: FreshDatabase.logger)
        _ = try await witness.run(EndLocalSessions())
        return witness
    }

    // MARK: Making

    private func data(_ host: String) -> String { "\(folder)/\(host)/data" }
    private func socket(_ host: String) -> String { "\(folder)/\(host)" }

    /// Runs one of PostgreSQL's programs on a host, as the servers' owner.
    private func tool(_ host: String, _ name: String, _ arguments: [String]) async throws {
        let binaries = try await Tool.run(["pg_config", "--bindir"])
        try await Tool.run(
            network.runner(host) + ["runuser", "-u", "postgres", "--", "\(binaries)/\(name)"] + arguments)
    }

    private func start(_ host: String) async throws {
        let options = ["-o", "-k \(socket(host))", "-l", "\(socket(host))/server.log", "-w", "start"]
        try await tool(host, "pg_ctl", ["-D", data(host)] + options)
    }

    private func ask(_ host: String, _ statement: String) async throws {
        try await tool(
            host, "psql", ["-X", "-q", "-h", socket(host), "-U", "postgres", "-d", "affine", "-c", statement])
    }

    private func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        guard let owner = getpwnam("postgres"), chown(path, owner.pointee.pw_uid, owner.pointee.pw_gid) == 0 else {
            throw ScenarioError("\(path) can't be given to postgres")
        }
    }

    /// One that vouches for itself; the key lies beside it.
    static func makeCertificate(_ file: String, for addresses: [String]) async throws {
        let names = addresses.map { "IP:\($0)" }.joined(separator: ",")
        try await Tool.run([
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=database",
            "-addext",
            "subjectAltName=\(names)", "-keyout", "\(file).key", "-out", file,
        ])
    }

    private func configure() throws {
        // A power cut is played by ending the process, and the disk's cache outlives that.
        try append(
            """
            listen_addresses = '*'
            fsync = off
            max_connections = 60
            ssl = on
            ssl_cert_file = '\(authority)'
            ssl_key_file = '\(authority).key'

            """, to: "\(data(Self.primary))/postgresql.conf")
        try append(
            """
            hostssl affine affine_coordinator,affine_worker \(network.cidr) scram-sha-256
            hostssl replication postgres \(network.cidr) trust

            """, to: "\(data(Self.primary))/pg_hba.conf")
    }

    private func append(_ text: String, to file: String) throws {
        guard let handle = fopen(file, "a") else { throw ScenarioError("\(file) can't be written") }
        fputs(text, handle)
        fclose(handle)
    }

    /// Synchronous: what is confirmed is on both, but for claims, which do not wait.
    private func follow() async throws {
        let source = "host=\(network.address(Self.primary)) user=postgres application_name=standby sslmode=require"
        try await tool(
            Self.standby, "pg_basebackup",
            ["-D", data(Self.standby), "-d", source, "-R", "-X", "stream", "--no-sync", "-c", "fast"])
        try await start(Self.standby)
        try await ask(Self.primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        try await ask(Self.primary, "SELECT pg_reload_conf()")
    }
}

/// Rows: each session of the superuser's that came through a socket, but for this one.
private struct EndLocalSessions: Statement {
    static let sql = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE client_addr IS NULL AND usename = 'postgres' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}
