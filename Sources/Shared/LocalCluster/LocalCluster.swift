public import Logging
internal import Postgres

/// Where a running cluster answers.
public struct ClusterAddress: Hashable, Sendable {
    /// The folder of its socket, which is libpq's `host`.
    public let socketFolder: String
    /// Whether it was running already.
    public let adopted: Bool
}

/// A private PostgreSQL cluster in a folder of ours, reached through a socket in that folder and nowhere else.
///
/// The folder holds `data`, `server.log`, the socket and a lock. Only the folder's owner and root can connect. Starting
/// twice adopts the running server; a server that was killed is started again.
public struct LocalCluster: Sendable {
    public enum Durability: Sendable {
        case durable
        /// Everything that guards against a power cut is off: for tests.
        case throwaway
    }

    public enum StopMode: String, Sendable {
        /// Ends sessions, then stops in good order.
        case fast
        /// As if the power were cut: recovers on the next start.
        case immediate
    }

    public enum Status: Hashable, Sendable {
        case absent, stopped
        case running(processID: Int32)
    }

    /// Absolute.
    public let folder: String
    let durability: Durability
    let settings: [String: String]
    let binaries: String?
    let logger: Logger
    let limit = Duration.seconds(120)

    /// Touches nothing yet.
    ///
    /// - Parameters:
    ///   - settings: Further server settings, such as `max_connections`; they win over ours.
    ///   - binaries: The folder of PostgreSQL's programs; nil looks for them.
    public init(
        folder: String, durability: Durability = .durable, settings: [String: String] = [:], binaries: String? = nil,
        logger: Logger
    ) {
        self.folder = Files.absolute(folder)
        self.durability = durability
        self.settings = settings
        self.binaries = binaries
        self.logger = logger
    }

    /// A URL for libpq; the superuser is `postgres`.
    public func connectionString(database: String = "postgres", user: String = "postgres") -> String {
        ConnectionString(host: folder, port: 5432, database: database, user: user).url
    }

    /// Looks at the processes that run, not only at what a server that was killed may have left behind.
    public func status() -> Status {
        guard Files.exists("\(data)/PG_VERSION") else { return .absent }
        return Postmaster.find(data: data).map { .running(processID: $0) } ?? .stopped
    }

    /// Stops the server and returns once its process is gone, or at once when none runs.
    public func stop(_ mode: StopMode = .fast) async throws {
        guard case .running(let id) = status() else { return }
        try await runTool("pg_ctl", ["-D", data, "-m", mode.rawValue, "-w", "-t", "30", "stop"])
        // The tool is done once the server has removed its file, which is shortly before it exits.
        let deadline = ContinuousClock.now + .seconds(5)
        while Postmaster.works(id, in: data), .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
    }

    var data: String { "\(folder)/data" }
    var socket: String { "\(folder)/.s.PGSQL.5432" }
    var log: String { "\(folder)/server.log" }
}
