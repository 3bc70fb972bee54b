internal import Containers
internal import Environments
public import HTTPClient
public import Logging
public import Postgres
public import ServiceLifecycle

/// Works until it is told to stop. Asked politely, it claims nothing more, finishes what it has begun within its grace and
/// hands back the rest; killed, it loses nothing but the work in hand.
public struct WorkerService: Service {
    /// What one process needs of the database, whatever its concurrency: one connection for claims and reports, which come in
    /// batches, and one so that a heartbeat need not wait behind them.
    public static let connections = 2

    private let settings: WorkerSettings
    private let database: Database
    private let http: HTTPClient
    private let logger: Logger

    public init(settings: WorkerSettings, database: Database, http: HTTPClient, logger: Logger) {
        self.settings = settings
        self.database = database
        self.http = http
        self.logger = logger
    }

    /// - Throws: `SandboxError` on a machine that can't run untrusted programs safely; `InvalidValue` for an endpoint.
    public func run() async throws {
        try await Sandbox().check()
        let host = try modelHost()
        let containers = settings.containers.map { ContainerEnvironments(host: $0, http: http, logger: logger) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let containers { group.addTask { await containers.run() } }
            let ended: Result<Void, any Error>
            do {
                try await withThrowingTaskGroup(of: Void.self) { hosts in
                    if let host { hosts.addTask { await host.run() } }
                    try await work(with: host?.slot, containers)
                    hosts.cancelAll()
                }
                ended = .success(())
            } catch { ended = .failure(error) }
            await host?.finish()
            try ended.get()
            containers?.finish()
            try await group.waitForAll()
        }
    }

    /// What serves models for this worker; nil where others do.
    private func modelHost() throws -> (any ModelHost)? {
        if let targon = settings.targon {
            return TargonHost(settings: targon, database: database, http: http, logger: logger)
        }
        return try settings.engine.map { try EngineHost(settings: $0, http: http, logger: logger) }
    }

    /// One session after another, until told to stop.
    private func work(with slot: ModelSlot?, _ containers: ContainerEnvironments?) async throws {
        var delay = Duration.milliseconds(500)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let started = ContinuousClock.now
            do {
                let session = try WorkerSession(
                    settings: settings, database: database, http: http, slot: slot, containers: containers,
                    logger: logger)
                try await session.run()
                return
            } catch let error as PostgresError where !error.isHopeless {
                logger.error("the worker begins anew", metadata: ["error": "\(error)"])
            } catch let error as WorkerError {
                logger.error("the worker begins anew", metadata: ["error": "\(error)"])
            }
            if .now - started > .seconds(60) { delay = .milliseconds(500) }
            try await Task.sleep(for: delay)
            delay = min(delay * 2, .seconds(30))
        }
    }
}

extension PostgresError {
    /// Whether a worker should go on and ask again: a statement that ran into its time limit met a busy server.
    var isPassing: Bool { isRetryable || code == .timedOut }

    /// Whether what was sent is at fault: data that the server can't take, or a constraint that it breaks.
    var isRefusal: Bool {
        sqlState?.hasPrefix("22") == true || sqlState?.hasPrefix("23") == true || sqlState == "AF004"
    }

    /// Whether no later try can do better: wrong settings, or a login without the worker's rights. All else, such as a
    /// standby that is just being promoted, may pass.
    var isHopeless: Bool {
        [.invalidSettings, .poolClosed, .cancelled].contains(code) || sqlState == "42501"
    }
}

/// Why a worker may no longer work under its id.
package enum WorkerError: Error, CustomStringConvertible {
    /// No heartbeat got through for so long that the queue may have given the leases to others.
    case trustEnded
    /// The queue does not know the worker, or was told that it stopped.
    case unknown

    package var description: String {
        switch self {
        case .trustEnded: "no heartbeat got through in time, so the work in hand was dropped"
        case .unknown: "the queue does not know this worker"
        }
    }
}
