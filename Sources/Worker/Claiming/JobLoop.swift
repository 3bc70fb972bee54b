internal import Domain
internal import EnvironmentCalls
internal import Logging
internal import Postgres
internal import ServiceLifecycle
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// Claims jobs and runs many of them at once, as many as deployments and environments bear.
struct JobLoop: Sendable {
    private let worker: UUID
    private let settings: WorkerSettings
    private let database: Database
    private let lane: EndpointLane
    private let reporter: Reporter
    private let orders: EnvironmentOrders
    private let runner: JobRunner
    private let pressure: Pressure
    private let logger: Logger

    init(
        worker: UUID, settings: WorkerSettings, database: Database, lane: EndpointLane, reporter: Reporter,
        caller: EnvironmentCaller, logger: Logger
    ) {
        self.worker = worker
        self.settings = settings
        self.database = database
        self.lane = lane
        self.reporter = reporter
        self.logger = logger
        orders = EnvironmentOrders(database: database)
        runner = JobRunner(lane: lane, caller: caller)
        pressure = Pressure(most: settings.concurrency, caps: settings.environmentCaps, logger: logger)
    }

    /// Until told to stop, and what was begun has ended.
    func run() async throws {
        let floor = SharedFloor()
        let watch = Mutex(IdleWatch())
        let source = JobSource(
            isStopping: { Task.isShuttingDownGracefully },
            hasRoom: {
                let ready = lane.ready
                return ready.isEmpty || pressure.room(for: ready).jobs > 0
            }, mayBegin: { pressure.enter($0.lease.deployment, environment(of: $0)) },
            claimMore: { try await claim(floor) },
            pauseWhenIdle: { emptyClaims in
                // Cut short by a shutdown, which the source then notices.
                try? await cancelWhenGracefulShutdown { try await waitForWork(emptyClaims, watch) }
            })
        try await withThrowingTaskGroup(of: Void.self) { clock in
            // Pauses end by themselves, and a shutdown begins, without anybody telling the lanes that wait.
            clock.addTask {
                while true {
                    try await Task.sleep(for: .milliseconds(500))
                    source.wake()
                }
            }
            try await runLanes(on: source)
            clock.cancelAll()
        }
    }

    private func runLanes(on source: JobSource) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<settings.concurrency {
                group.addTask {
                    while let job = try await source.next() { try await perform(job, from: source) }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: Claiming

    /// Looks less and less often, from every 20 ms to every 5 s, whether anything was queued; half a minute at most. Where
    /// something may not be claimed for at the moment it looks more often, for that ends soon.
    private func waitForWork(_ emptyClaims: Int, _ watch: borrowing Mutex<IdleWatch>) async throws {
        let deployments = lane.ready
        let scope = claimScope()
        let longest = min(20 << min(emptyClaims, 8), deployments.isEmpty ? 500 : scope.isWhole ? 5_000 : 100)
        let end = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(Int.random(in: longest / 2...longest)))
            // An endpoint that is ready again wants work at once, and so does what has room again.
            guard lane.ready == deployments, !deployments.isEmpty, claimScope() == scope else { return }
            guard let version = try await database.run(QueueVersion()).first else { return }
            if watch.withLock({ $0.isWorthClaiming(version) }) { return }
        }
    }

    /// What may be claimed for now.
    private struct ClaimScope: Equatable {
        var deployments: [DeploymentID]
        /// Nil for all.
        var environments: [EnvironmentName]?
        /// Whether nothing is left out.
        var isWhole: Bool
    }

    private func claimScope() -> ClaimScope {
        let ready = lane.ready
        let deployments = pressure.room(for: ready).deployments
        let environments = pressure.open(among: orders.names)
        return ClaimScope(
            deployments: deployments, environments: environments,
            isWhole: deployments == ready && environments == nil)
    }

    /// A database that is away for a moment looks like an empty queue; how long it may be away is for `trust` to say.
    private func claim(_ floor: SharedFloor) async throws -> [Lease] {
        let room = pressure.room(for: lane.ready)
        guard room.jobs > 0 else { return [] }
        do {
            let leases = try await database.run(
                Claim(
                    worker: worker, deployments: room.deployments, environments: pressure.open(among: orders.names),
                    runs: Int32(clamping: min(room.jobs, settings.concurrency)), floor: floor.next()))
            floor.record(leases)
            leases.forEach(reporter.expect)
            for lease in leases { await orders.prefetch(lease) }
            return leases
        } catch let error as PostgresError where error.isPassing {
            logger.warning("claiming failed and will be tried again", metadata: ["error": "\(error)"])
            return []
        }
    }

    // MARK: Running

    private func perform(_ job: Job, from source: JobSource) async throws {
        let started = ContinuousClock.now
        guard let ended = try await run(job, from: source) else {
            return try await handBack([job] + source.withdraw(job.lease.deployment))
        }
        // Work that was cut short is not reported: its lease goes back to the queue.
        guard !Task.isCancelled, ended.result.outcome != .cancelled else { return }
        report(job, ended, since: started)
    }

    // Thousands of jobs wait at once, and what their functions need later is held meanwhile: so it is in functions of its own.

    @inline(never)
    private func report(_ job: Job, _ ended: EndedJob, since started: ContinuousClock.Instant) {
        let report = JobReport(
            job: job, result: ended.result, duration: .now - started, keepsTranscript: settings.keepsTranscripts)
        logger.debug("a job ended", metadata: report.metadata)
        reporter.add(report)
    }

    /// Tells whether fewer jobs may run from now on.
    @inline(never)
    private func leave(
        _ job: Job, _ environment: EnvironmentName?, _ ended: EndedJob?, since began: ContinuousClock.Instant
    ) -> Bool {
        let timeout = orders.known(job.lease)?.settings.timeout
        let signal = ended?.result.signal(after: .now - began, of: timeout) ?? .nothing
        return pressure.leave(
            job.lease.deployment, environment, signal, outage: ended?.result.outage, since: began)
    }

    /// Runs a job that has entered, and runs it again for a while when its deployment is asked too much: that costs no try.
    ///
    /// - Returns: Nil when the deployment rests, or the worker is to stop: the job can go back at no cost.
    private func run(_ job: Job, from source: JobSource) async throws -> EndedJob? {
        let end = ContinuousClock.now + settings.patience
        var pause = Duration.seconds(1)
        while true {
            let ended = try await runOnce(job, from: source)
            guard let ended, ended.result.isPressed else { return ended }
            let wait = max(ended.result.retryAfter ?? .zero, pause)
            guard .now + wait < end, !Task.isCancelled else {
                lane.rest(job.lease.deployment)
                return ended
            }
            // Who is told to stop gives back at once what only waits.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: wait) }
            guard await reenter(job, before: end) else { return Task.isShuttingDownGracefully ? nil : ended }
            pause = min(pause * 2, .seconds(8))
        }
    }

    /// Waits for the deployment to have room again; false when the time is up, or nothing more is to begin.
    private func reenter(_ job: Job, before end: ContinuousClock.Instant) async -> Bool {
        while .now < end, !Task.isCancelled, !Task.isShuttingDownGracefully {
            if pressure.enter(job.lease.deployment, environment(of: job)) { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    private func runOnce(_ job: Job, from source: JobSource) async throws -> EndedJob? {
        let began = ContinuousClock.now
        // As it entered: its order may be forgotten before it leaves.
        let environment = environment(of: job)
        let ended: EndedJob?
        do {
            ended = try await evaluate(job)
        } catch {
            _ = leave(job, environment, nil, since: began)
            source.wake(2)
            throw error
        }
        let hasShrunk = leave(job, environment, ended, since: began)
        source.wake(2)
        // What waits for a deployment that is asked too much can be done by others.
        if hasShrunk, ended?.result.isPressed == true { try await handBack(source.withdraw(job.lease.deployment)) }
        return ended
    }

    private func evaluate(_ job: Job) async throws -> EndedJob? {
        switch try await order(of: job) {
        case .success(let order): await runner.run(job, order)
        case .failure(let error): EndedJob(.fault(.infraFault, "environment_unusable", error.message))
        }
    }

    @inline(never)
    private func order(of job: Job) async throws -> Result<EnvironmentOrder, PostgresError> {
        do {
            return .success(try await untilAnswered { try await orders.order(for: job.lease) })
        } catch let error as PostgresError where error.code == .decoding { return .failure(error) }
    }

    /// Nil of an environment that this worker can't read the order of.
    private func environment(of job: Job) -> EnvironmentName? { orders.known(job.lease)?.settings.name }

    /// Jobs that were not begun cost nothing when they go back.
    private func handBack(_ jobs: [Job]) async throws {
        try await untilAnswered { _ = try await database.run(Release(worker: worker, jobs: jobs)) }
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
}
