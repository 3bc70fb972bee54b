internal import Domain
internal import Logging
internal import Postgres
internal import ServiceLifecycle

internal import struct FoundationEssentials.UUID

/// Decides for one session of a worker which model its host serves, and lends what is served to the session's lane.
struct ModelPlacement: Sendable {
    /// How things stand between two looks.
    private struct Standing {
        /// What the lane has.
        var lent: Endpoint?
        /// What the database knows.
        var placed: ModelReference?
        /// Since when the wanted model has had no work.
        var idleSince: ContinuousClock.Instant?
        /// The lane is to take nothing more, though it is served.
        var isFinishing = false
    }

    let worker: UUID
    let database: Database
    let slot: ModelSlot
    let lane: EndpointLane
    let lanes: Int
    let logger: Logger

    /// Until cancelled. A database that is away is for the session's trust to judge.
    func run() async throws {
        var standing = Standing()
        while !Task.isCancelled {
            do {
                try await tell(&standing)
                try lend(&standing)
                try await move(&standing)
            } catch let error as PostgresError where error.isPassing {
                logger.warning("placement will be looked at again", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Failures to load have to be known before the next choice. What an earlier session loaded is this one's as well, and
    /// what the host gave up is nobody's.
    private func tell(_ standing: inout Standing) async throws {
        while let load = slot.news {
            try await database.run(RecordLoad(worker: worker, host: slot.host, load: load))
            slot.dropNews()
        }
        let wanted = slot.wanted
        if wanted != standing.placed { try await place(wanted, &standing) }
    }

    /// The lane holds the host's endpoint exactly while it serves.
    private func lend(_ standing: inout Standing) throws {
        guard slot.endpoint != standing.lent, !standing.isFinishing else { return }
        takeBack(&standing)
        standing.lent = slot.endpoint
        if let new = standing.lent { try lane.add(new) }
    }

    private func takeBack(_ standing: inout Standing) {
        if let old = standing.lent { lane.remove(old) }
        standing.lent = nil
    }

    private func move(_ standing: inout Standing) async throws {
        let wanted = slot.wanted
        let isLoading = wanted != nil && slot.endpoint == nil
        // What is being loaded is waited for: as long as there is work for it, where waiting costs. Who stops begins nothing.
        guard !slot.isResting, !Task.isShuttingDownGracefully, !isLoading || slot.patience != nil else { return }
        let work = try await database.run(LoadOpenWork(worker: worker, host: slot.host))
        let isIdle = wanted.map { !Placement.hasWork(for: $0, among: work) } ?? false
        standing.idleSince = isIdle ? standing.idleSince ?? .now : nil
        if let patience = slot.patience, let since = standing.idleSince, .now - since >= patience {
            return try await want(nil, &standing)
        }
        guard !isLoading else { return }
        let choice = Placement.choose(among: work, loaded: wanted, lanes: lanes, loadSeconds: slot.loadSeconds)
        standing.isFinishing = choice == .finish
        switch choice {
        case .stay: break
        case .finish: takeBack(&standing)
        case .drained:
            logger.error("models fail on this host one after another; it leaves the work to others for ten minutes")
        case .load(let model): try await want(model, &standing)
        }
    }

    /// The queue is told first, so that whatever serves a model has a worker that is placed on it.
    private func want(_ model: ModelReference?, _ standing: inout Standing) async throws {
        takeBack(&standing)
        try await place(model, &standing)
        slot.want(model)
        (standing.idleSince, standing.isFinishing) = (nil, false)
    }

    private func place(_ model: ModelReference?, _ standing: inout Standing) async throws {
        try await database.run(Place(worker: worker, host: slot.host, model: model))
        standing.placed = model
    }
}
