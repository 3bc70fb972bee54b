internal import Containers
internal import Domain
internal import EnvironmentCalls
internal import Environments
internal import HTTPClient
internal import Logging
internal import Postgres
internal import ServiceLifecycle
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// The life of one worker id: from registration to its last report.
struct WorkerSession: Sendable {
    private enum End: Sendable { case lanesFinished, graceOver, cancelled }

    private let id = UUID()
    private let settings: WorkerSettings
    private let database: Database
    private let lane: EndpointLane
    private let slot: ModelSlot?
    private let loop: JobLoop
    private let reporter: Reporter
    private let trust: Trust
    private let logger: Logger

    /// - Parameters:
    ///   - slot: Of what serves models for this worker, if anything does.
    ///   - containers: Those of the process. Both outlive one id.
    init(
        settings: WorkerSettings, database: Database, http: HTTPClient, slot: ModelSlot?,
        containers: ContainerEnvironments?, logger: Logger
    ) throws {
        var logger = logger
        logger[metadataKey: "worker.id"] = "\(id)"
        self.settings = settings
        self.database = database
        self.slot = slot
        self.logger = logger
        lane = try EndpointLane(
            endpoints: settings.endpoints, apiKey: settings.apiKey, maximumReplyBytes: settings.maximumReplyBytes,
            http: http,
            logger: logger)
        reporter = Reporter(worker: id, database: database, logger: logger)
        loop = JobLoop(
            worker: id, settings: settings, database: database, lane: lane, reporter: reporter,
            caller: EnvironmentCaller(http: http, apiKey: settings.apiKey, containers: containers), logger: logger)
        trust = Trust(timeToLive: settings.timeToLive)
    }

    /// - Throws: `WorkerError` when the id is no good any more; `PostgresError`.
    func run() async throws {
        try await database.run(
            RegisterWorker(
                worker: id, label: settings.name, lane: slot?.lane ?? "endpoint",
                concurrency: Int32(clamping: settings.concurrency),
                ttlMilliseconds: Int32(clamping: settings.timeToLive.milliseconds),
                hourlyPrice: settings.hourlyPrice))
        logger.notice("worker registered", metadata: ["worker.name": "\(settings.name)"])
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await reporter.run() }
                try await work()
                reporter.finish()
                // Without heartbeats trust soon ends; reports that are not stored by then would be refused.
                group.addTask { try await trust.watch() }
                try await group.next()
                group.cancelAll()
            }
        } catch {
            await stop()
            throw error
        }
        await stop()
    }

    /// Ends with the lanes, with the grace, or by an error: whichever comes first.
    private func work() async throws {
        try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask { try await beat() }
            group.addTask { try await trust.watch() }
            group.addTask {
                try await lane.watch(worker: id, database: database)
                return .cancelled
            }
            group.addTask {
                try await Fingerprinter(worker: id, database: database, lane: lane, logger: logger).run()
                return .cancelled
            }
            if let slot {
                let placement = ModelPlacement(
                    worker: id, database: database, slot: slot, lane: lane, lanes: settings.concurrency,
                    logger: logger)
                group.addTask {
                    try await placement.run()
                    return .cancelled
                }
            }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: settings.grace)
                return .graceOver
            }
            group.addTask {
                try await loop.run()
                return .lanesFinished
            }
            let end = try await group.next()
            if end == .graceOver { logger.notice("the grace is over; jobs under way are handed back") }
            group.cancelAll()
        }
    }

    private func beat() async throws -> End {
        while true {
            try await Task.sleep(for: settings.timeToLive / 4)
            let sent = ContinuousClock.now
            do {
                guard try await database.run(Heartbeat(worker: id)).first == true else { throw WorkerError.unknown }
                trust.extend(from: sent)
            } catch let error as PostgresError where error.isPassing {
                logger.warning("a heartbeat failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func stop() async {
        let (database, id, logger) = (database, id, logger)
        // The write must be made even when the service is being cancelled; it is awaited on the next line.
        let farewell = Task {
            do {
                try await database.run(StopWorker(worker: id))
                logger.notice("worker stopped")
            } catch {
                logger.warning(
                    "the queue could not be told; leases come back by rescue", metadata: ["error": "\(error)"])
            }
        }
        await farewell.value
    }
}
