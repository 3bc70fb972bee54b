internal import Domain
internal import Logging
internal import Postgres
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// Decides for one session of a worker which model its engine serves, and lends the engine to its lane.
struct EnginePlacement: Sendable {
    let worker: UUID
    let database: Database
    let host: EngineHost
    let lane: EndpointLane
    let lanes: Int
    let logger: Logger

    /// Until cancelled. A database that is away is for the session's trust to judge.
    func run() async throws {
        var lent: Endpoint?
        while !Task.isCancelled {
            do {
                try await tell()
                try lend(&lent)
                try await move(&lent)
            } catch let error as PostgresError where error.isPassing {
                logger.warning("placement will be looked at again", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Failures to load have to be known before the next choice.
    private func tell() async throws {
        while let load = host.news {
            try await database.run(RecordLoad(worker: worker, host: host.settings.place.host, load: load))
            if !load.isServed { try await place(nil) }
            host.forgetNews()
        }
    }

    /// The lane holds the engine's endpoint exactly while it serves.
    private func lend(_ lent: inout Endpoint?) throws {
        guard host.endpoint != lent else { return }
        if let old = lent { lane.remove(old) }
        lent = host.endpoint
        if let new = lent { try lane.add(new) }
    }

    private func move(_ lent: inout Endpoint?) async throws {
        // What is being loaded is waited for.
        guard host.wanted == nil || host.endpoint != nil else { return }
        let work = try await database.run(LoadOpenWork(worker: worker, host: host.settings.place.host))
        switch Placement.choose(among: work, loaded: host.wanted, lanes: lanes, loadSeconds: host.loadSeconds) {
        case .stay: break
        case .drained:
            logger.error("models fail on this host one after another; it leaves the work to others for ten minutes")
        case .load(let model):
            if let old = lent { lane.remove(old) }
            lent = nil
            try await place(model)
            host.want(model)
        }
    }

    private func place(_ model: ModelReference?) async throws {
        try await database.run(Place(worker: worker, host: host.settings.place.host, model: model))
    }
}
