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
    private let engine: EngineHost?
    private let runner: JobRunner
    private let reporter: Reporter
    private let trust: Trust
    private let logger: Logger

    /// - Parameters:
    ///   - engine: The worker's own, if it has one.
    ///   - containers: Those of the process. Both outlive one id.
    init(
        settings: WorkerSettings, database: Database, http: HTTPClient, engine: EngineHost?,
        containers: ContainerEnvironments?, logger: Logger
    ) throws {
        var logger = logger
        logger[metadataKey: "worker.id"] = "\(id)"
        self.settings = settings
        self.database = database
        self.engine = engine
        self.logger = logger
        lane = try EndpointLane(
            endpoints: settings.endpoints, apiKey: settings.apiKey, maximumReplyBytes: settings.maximumReplyBytes,
            http: http,
            logger: logger)
        runner = JobRunner(
            lane: lane, orders: EnvironmentOrders(database: database),
            caller: EnvironmentCaller(http: http, apiKey: settings.apiKey, containers: containers))
        reporter = Reporter(worker: id, database: database, logger: logger)
        trust = Trust(timeToLive: settings.timeToLive)
    }

    /// - Throws: `WorkerError` when the id is no good any more; `PostgresError`.
    func run() async throws {
        try await database.run(
            RegisterWorker(
                worker: id, label: settings.name, lane: engine == nil ? "endpoint" : "b300",
                concurrency: Int32(clamping: settings.concurrency),
                ttlMilliseconds: Int32(clamping: settings.timeToLive.milliseconds)))
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
            if let engine {
                let placement = EnginePlacement(
                    worker: id, database: database, host: engine, lane: lane, lanes: settings.concurrency,
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
            group.addTask { try await runLanes() }
            let end = try await group.next()
            if end == .graceOver { logger.notice("the grace is over; jobs under way are handed back") }
            group.cancelAll()
        }
    }

    private func runLanes() async throws -> End {
        let floor = SharedFloor()
        let watch = Mutex(IdleWatch())
        let source = JobSource(
            isStopping: { Task.isShuttingDownGracefully }, claimMore: { try await claim(floor) },
            pauseWhenIdle: { emptyClaims in
                // Cut short by a shutdown, which the source then notices.
                try? await cancelWhenGracefulShutdown { try await waitForWork(emptyClaims, watch) }
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<settings.concurrency {
                group.addTask {
                    while let job = try await source.next() { try await perform(job, from: source) }
                }
            }
            try await group.waitForAll()
        }
        return .lanesFinished
    }

    /// Looks less and less often, from every 20 ms to every 5 s, whether anything was queued; half a minute at most.
    private func waitForWork(_ emptyClaims: Int, _ watch: borrowing Mutex<IdleWatch>) async throws {
        let longest = min(20 << min(emptyClaims, 8), lane.ready.isEmpty ? 500 : 5_000)
        let end = ContinuousClock.now + .seconds(30)
        let deployments = lane.ready
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(Int.random(in: longest / 2...longest)))
            // An endpoint that is ready again wants work at once.
            guard lane.ready == deployments, !deployments.isEmpty else { return }
            guard let version = try await database.run(QueueVersion()).first else { return }
            if watch.withLock({ $0.isWorthClaiming(version) }) { return }
        }
    }

    /// A database that is away for a moment looks like an empty queue; how long it may be away is for `trust` to say.
    private func claim(_ floor: SharedFloor) async throws -> [Lease] {
        let deployments = lane.ready
        guard !deployments.isEmpty else { return [] }
        do {
            let leases = try await database.run(
                Claim(
                    worker: id, deployments: deployments, runs: Int32(clamping: settings.concurrency),
                    floor: floor.next()))
            floor.record(leases)
            leases.forEach(reporter.expect)
            return leases
        } catch let error as PostgresError where error.isPassing {
            logger.warning("claiming failed and will be tried again", metadata: ["error": "\(error)"])
            return []
        }
    }

    private func perform(_ job: Job, from source: JobSource) async throws {
        let started = ContinuousClock.now
        guard let result = try await untilAnswered({ try await runner.run(job) }) else {
            return try await handBack([job] + source.withdraw(job.lease.deployment))
        }
        // Work that was cut short is not reported: its lease goes back to the queue.
        guard !Task.isCancelled, result.outcome != .cancelled else { return }
        reporter.add(
            JobReport(
                job: job, result: result, duration: .now - started, keepsTranscript: settings.keepsTranscripts))
    }

    /// Jobs that were not begun cost nothing when they go back.
    private func handBack(_ jobs: [Job]) async throws {
        try await untilAnswered { _ = try await database.run(Release(worker: id, jobs: jobs)) }
        reporter.giveUp(jobs)
    }

    /// Asks again while the database is away; how long that may be is for `trust` to say.
    private func untilAnswered<Value>(_ body: () async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where error.isPassing {
                logger.warning("the database did not answer and is asked again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(500))
            }
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
