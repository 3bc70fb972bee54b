internal import FoundationEssentials
internal import Glibc
public import Logging
internal import Postgres

/// A private PgBouncer in transaction mode, before a server and in a folder of ours, reached through a socket in that folder
/// and nowhere else.
///
/// Between two transactions a client has no server session, so `DatabaseSettings.ownsServerSession` has to be off. It trusts
/// whoever can reach the socket (the folder's owner and root), and the server has to trust it likewise: it knows no passwords.
public struct LocalPooler: Sendable {
    public struct Settings: Sendable {
        /// Who may connect; each is the server's user of the same name.
        public var users: [String]
        /// The most server sessions for each user and database.
        public var poolSize = 20
        /// The most clients connected at once, whether they do something or not.
        public var maximumClients = 1_000

        public init(users: [String]) {
            self.users = users
        }
    }

    /// Absolute. Holds the configuration, the log, the socket and the process id.
    public let folder: String
    private let server: ConnectionString
    private let settings: Settings
    private let binary: String?
    private let logger: Logger
    private let limit = Duration.seconds(30)

    /// Touches nothing yet.
    ///
    /// - Parameters:
    ///   - server: Where the server is; only `host` and `port` count.
    ///   - binary: PgBouncer's program; nil looks for it.
    /// - Throws: `PostgresError` for an address that is none.
    public init(
        folder: String, server: String, settings: Settings, binary: String? = nil, logger: Logger
    ) throws {
        self.folder = Files.absolute(folder)
        self.server = try ConnectionString(server)
        self.settings = settings
        self.binary = binary
        self.logger = logger
    }

    /// A URL for libpq.
    public func connectionString(database: String, user: String) -> String {
        ConnectionString(host: folder, port: 6432, database: database, user: user).url
    }

    /// Nil when it does not run. A process id that was left behind and is somebody else's now is none: PgBouncer works in the
    /// folder.
    public var processID: Int32? {
        guard let id = Files.text("\(folder)/pgbouncer.pid").flatMap({ Int32($0.filter(\.isNumber)) }) else {
            return nil
        }
        let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")
        return place == Files.real(folder) ? id : nil
    }

    /// Starts it and returns when it answers.
    ///
    /// - Throws: `LocalClusterError`, which ends with what the log says where that explains it.
    public func start() async throws {
        let program = try await program()
        // As the server's owner where we are root, which PgBouncer refuses to run as: so it may enter the socket's folder.
        let account = ServerAccount.choose(data: server["host"] ?? folder)
        try prepareFolder(account)
        do {
            try await Tool.run(
                program, ["-q", "-d", "\(folder)/pgbouncer.ini"], in: folder, as: account, within: limit)
        } catch let error as LocalClusterError where error.code == .toolFailed {
            throw LocalClusterError(.toolFailed, "PgBouncer did not start: \(logTail)\(error.detail)")
        }
        try await untilAnswering()
        logger.notice("private pooler started", metadata: ["pooler.folder": .string(folder)])
    }

    /// Lets transactions under way finish, within the time limit, and returns once it is gone.
    public func stop() async throws {
        guard let id = processID else { return }
        kill(id, SIGINT)
        var deadline = ContinuousClock.now + .seconds(5)
        while processID == id {
            if .now > deadline {
                guard kill(id, SIGKILL) == 0 else { break }
                deadline = .now + limit
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func program() async throws(LocalClusterError) -> String {
        let found =
            if let binary { FileManager.default.isExecutableFile(atPath: binary) ? binary : nil } else {
                await Tool.find("pgbouncer", in: "/usr/sbin")
            }
        guard let found else {
            throw LocalClusterError(
                .binariesMissing,
                "no PgBouncer at \(binary ?? "/usr/sbin/pgbouncer or along PATH"): install it (apt-get install pgbouncer)"
            )
        }
        return found
    }

    private func prepareFolder(_ account: ServerAccount?) throws(LocalClusterError) {
        try Files.attempt(folder) {
            try $0.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        if processID == nil {
            // Left behind by one that was killed; its number may be somebody else's now.
            for name in ["pgbouncer.pid", ".s.PGSQL.6432", "pgbouncer.log"] { try Files.remove("\(folder)/\(name)") }
        }
        try Files.write(configuration, to: "\(folder)/pgbouncer.ini")
        try Files.write(users, to: "\(folder)/users.txt")
        try account?.own(folder)
        for name in ["pgbouncer.ini", "users.txt"] { try account?.own("\(folder)/\(name)") }
    }

    private var configuration: String {
        let place = ["host", "port"].compactMap { key in
            server[key].map { "\(key)='\($0.replacing("'", with: "''"))'" }
        }
        return """
            [databases]
            * = \(place.joined(separator: " "))

            [pgbouncer]
            pool_mode = transaction
            default_pool_size = \(settings.poolSize)
            max_client_conn = \(settings.maximumClients)
            unix_socket_dir = \(folder)
            unix_socket_mode = 0700
            listen_port = 6432
            auth_type = trust
            auth_file = \(folder)/users.txt
            pidfile = \(folder)/pgbouncer.pid
            logfile = \(folder)/pgbouncer.log
            log_connections = 0
            log_disconnections = 0

            """
    }

    private var users: String {
        settings.users.map { "\"\($0.replacing("\"", with: "\"\""))\" \"\"\n" }.joined()
    }

    private func untilAnswering() async throws {
        let address = try ConnectionString(
            connectionString(database: "postgres", user: settings.users.first ?? "postgres"))
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            let answer = await address.ping()
            // Its process id is written a moment after the program we started has ended.
            if answer == .accepting, processID != nil { return }
            guard .now < deadline else {
                throw LocalClusterError(.timedOut, "PgBouncer in '\(folder)' does not answer: \(logTail)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private var logTail: String { String((Files.text("\(folder)/pgbouncer.log") ?? "").suffix(2_000)) }
}
