internal import Domain
internal import HTTPClient
internal import Inference
internal import Logging

/// Has one model served by one workload for as long as it is wanted.
struct WorkloadKeeper: Sendable {
    /// Failed calls in a row after which a model that is not served is given back.
    private static let mostTroubles = 5

    let model: ModelReference
    let settings: TargonSettings
    let client: TargonClient
    let slot: ModelSlot
    let http: HTTPClient
    let logger: Logger

    private var order: WorkloadOrder { settings.order(for: model) }

    /// Returns when the model is wanted no more, or could not be served, or on cancellation.
    ///
    /// - Parameter rest: How long no model is taken after this one had to be given back.
    /// - Returns: Whether it was served.
    func run(restingFor rest: Duration) async -> Bool {
        let started = ContinuousClock.now
        var machine = WorkloadMachine(loadTimeout: settings.loadTimeout, lag: settings.pace * 3)
        var wasServed = false
        var troubles = 0
        while slot.wanted == model, !Task.isCancelled {
            var pause = settings.pace
            do throws(TargonError) {
                let step = machine.next(try await look(knowing: machine.created), at: .now - started)
                try await perform(step, on: &machine, since: started, restingFor: rest)
                if troubles > 0 { logger.notice("Targon answers again") }
                troubles = 0
                if step == .create { pause = .zero }
                if machine.isServed { pause = settings.pace * 6 }
            } catch {
                troubles += 1
                if error.code == .cancelled { continue }
                if troubles == 1 { logger.warning("Targon refused or did not answer", metadata: ["error": "\(error)"]) }
                pause = min(settings.pace * (1 << min(troubles, 4)), .seconds(60))
                if case .limited(let retryAfter?) = error.code {
                    (pause, troubles) = (min(retryAfter, .seconds(300)), troubles - 1)
                } else if !machine.isServed, !error.isRetryable || troubles >= Self.mostTroubles {
                    giveBack("\(error)", restingFor: rest)
                }
            }
            if !machine.isServed { slot.noteLost(model) }
            wasServed = wasServed || machine.isServed
            await sleep(pause)
        }
        return wasServed
    }

    /// All workloads of the name, with their states; what was created counts although no list shows it yet.
    private func look(knowing created: Workload?) async throws(TargonError) -> [Workload] {
        var found = try await client.workloads().filter { $0.name == order.name }
        if let created, !found.contains(where: { $0.id == created.id }) { found.append(created) }
        var present: [Workload] = []
        for workload in found {
            do {
                present.append(try await client.state(of: workload))
            } catch  where error.code == .missing {
                // It ended since the list was made.
            }
        }
        return present
    }

    private func perform(
        _ step: WorkloadMachine.Step, on machine: inout WorkloadMachine, since started: ContinuousClock.Instant,
        restingFor rest: Duration
    ) async throws(TargonError) {
        switch step {
        case .wait: break
        case .create:
            let workload = try await client.create(order)
            machine.noteCreated(workload)
            note("workload created", workload)
        case .deploy(let workload):
            do {
                try await client.deploy(workload.id)
                note("workload deployed", workload)
            } catch  where error.code == .conflict || error.code == .missing {
                // Somebody else deployed or deleted it, as the next look will show.
            }
        case .remove(let workloads):
            for workload in workloads {
                try await client.delete(workload.id)
                note("a second workload of the same name was deleted", workload)
            }
        case .probe(let workload): try await probe(workload, on: &machine, since: started)
        case .fail(let workload, let why): try await fail(workload, why, after: machine.age(at: .now - started))
        case .giveBack(let workload, let why):
            giveBack(why, restingFor: rest)
            if let workload { try await client.delete(workload.id) }
        }
    }

    private func probe(
        _ workload: Workload, on machine: inout WorkloadMachine, since started: ContinuousClock.Instant
    ) async throws(TargonError) {
        let url = workload.baseURL(port: settings.order(for: model).port)
        let age = machine.age(at: .now - started)
        let endpoint: OpenAIClient
        do {
            endpoint = try OpenAIClient(baseURL: url, model: model.repository, apiKey: nil, http: http)
        } catch {
            throw TargonError(.malformed, "workload \(workload.id): \(error)")
        }
        switch await endpoint.serves(timeout: .seconds(5)) {
        case .wantedModel:
            machine.noteServed()
            note("the workload serves", workload)
            slot.noteServed(model, at: url, after: age, instance: workload.id, isTypical: machine.isOwn)
        case .otherModels(let others):
            let why = "the workload serves \(others.joined(separator: ", ")) instead"
            try await fail(workload, why, after: age)
        case .unanswered(let failure): machine.problem = "\(failure)"
        }
    }

    /// What can't be deleted now is left to the sweep: nobody is placed on it any more.
    private func fail(_ workload: Workload, _ why: String, after duration: Duration) async throws(TargonError) {
        logger.error("the workload failed", metadata: metadata(workload).merging(["error": "\(why)"]) { $1 })
        defer { slot.noteFailed(model, after: duration, why, instance: workload.id) }
        try await client.delete(workload.id)
    }

    private func giveBack(_ why: String, restingFor rest: Duration) {
        logger.warning(
            "the model is given back for now",
            metadata: ["model": "\(model)", "workload.name": "\(order.name)", "error": "\(why)"])
        slot.giveBack(model, restingFor: rest)
    }

    private func note(_ message: Logger.Message, _ workload: Workload) {
        logger.notice(message, metadata: metadata(workload))
    }

    private func metadata(_ workload: Workload) -> Logger.Metadata {
        ["model": "\(model)", "workload.id": "\(workload.id)", "workload.name": "\(order.name)"]
    }

    /// Cut short once another model is wanted.
    private func sleep(_ pause: Duration) async {
        let end = ContinuousClock.now + pause
        while .now < end, slot.wanted == model, !Task.isCancelled {
            // Cancellation ends the loop.
            try? await Task.sleep(for: min(.milliseconds(250), end - .now))
        }
    }
}
