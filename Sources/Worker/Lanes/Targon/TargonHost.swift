internal import Domain
internal import HTTPClient
internal import Logging
internal import Postgres
internal import Synchronization

/// Has Targon serve whichever model is wanted, and sees to it that no workload of the arena outlives its use.
final class TargonHost: ModelHost {
    private struct State: Sendable {
        /// Models whose workloads this process may have to delete.
        var held: Set<ModelReference> = []
        /// Models given back in a row.
        var givenBack = 0
    }

    let slot: ModelSlot
    private let settings: TargonSettings
    private let client: TargonClient
    private let fleet: TargonFleet
    private let http: HTTPClient
    private let logger: Logger
    private let state = Mutex(State())

    init(settings: TargonSettings, database: Database, http: HTTPClient, logger: Logger) {
        self.settings = settings
        self.http = http
        self.logger = logger
        client = TargonClient(account: settings.account, http: http)
        fleet = TargonFleet(account: settings.account, http: http, database: database)
        slot = ModelSlot(lane: "targon", host: settings.host, patience: settings.idle, loadSeconds: 600)
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.sweep() }
            for await _ in slot.changes {
                while let model = slot.wanted, !Task.isCancelled { await serve(model) }
            }
            group.cancelAll()
        }
    }

    /// Deletes what this process had served, unless another worker is placed on it.
    func finish() async {
        // Money is at stake: the calls must be made even when this task is being cancelled; they are awaited on the next line.
        let farewell = Task { await self.sayFarewell() }
        await farewell.value
    }

    private func sayFarewell() async {
        for _ in 0..<3 {
            await release(sparing: nil)
            guard !state.withLock(\.held).isEmpty else { return }
            try? await Task.sleep(for: .seconds(1))
        }
        logger.error(
            "workloads may be left: the next worker of the arena, or 'af targon sweep', removes them",
            metadata: ["models": "\(state.withLock(\.held).map(\.description).sorted().joined(separator: ", "))"])
    }

    private func serve(_ model: ModelReference) async {
        let givenBack = state.withLock { state in
            state.held.insert(model)
            return state.givenBack
        }
        let keeper = WorkloadKeeper(
            model: model, settings: settings, client: client, slot: slot, http: http, logger: logger)
        // At least a second, in which a failure that another worker saw is recorded; at most five minutes.
        let rest = max(.seconds(1), min(settings.pace * (1 << min(givenBack, 8)), .seconds(300)))
        let wasServed = await keeper.run(restingFor: rest)
        state.withLock { $0.givenBack = wasServed || !slot.isResting ? 0 : $0.givenBack + 1 }
        if !Task.isCancelled { await release(sparing: slot.wanted) }
    }

    /// Deletes the workloads of models that are wanted no more.
    private func release(sparing wanted: ModelReference?) async {
        for model in state.withLock(\.held) where model != wanted {
            do {
                try await fleet.release(model, on: settings.resource, silence: settings.grace)
                state.withLock { _ = $0.held.remove(model) }
            } catch {
                logger.warning(
                    "a workload could not be given up; this will be tried again",
                    metadata: ["model": "\(model)", "error": "\(error)"])
            }
        }
    }

    /// Removes what killed workers left behind, at the start and then every minute.
    private func sweep() async {
        var leftovers = Leftovers()
        while !Task.isCancelled {
            do {
                for workload in leftovers.due(try await fleet.unused(), at: .now, grace: settings.grace)
                where try await fleet.remove(workload, silence: .zero) {
                    logger.notice(
                        "a workload that nobody used was deleted",
                        metadata: ["workload.id": "\(workload.id)", "workload.name": "\(workload.name)"])
                }
            } catch {
                if !Task.isCancelled {
                    logger.warning("leftovers will be looked for again", metadata: ["error": "\(error)"])
                }
            }
            // Cancellation ends the loop.
            try? await Task.sleep(for: settings.sweepInterval)
            if !Task.isCancelled { await release(sparing: slot.wanted) }
        }
    }
}

/// Since when workloads have been nobody's, as far as this process knows: no two clocks are compared.
struct Leftovers: Sendable {
    private var since: [String: ContinuousClock.Instant] = [:]

    /// - Returns: Those that have been unused at every look for at least the grace.
    mutating func due(_ unused: [Workload], at now: ContinuousClock.Instant, grace: Duration) -> [Workload] {
        since = Dictionary(unused.map { ($0.id, since[$0.id] ?? now) }) { first, _ in first }
        return unused.filter { now - (since[$0.id] ?? now) >= grace }
    }
}
