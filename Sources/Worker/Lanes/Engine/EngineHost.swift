internal import Domain
internal import HTTPClient
internal import Inference
internal import Logging
internal import Processes

/// Runs an engine on this machine for whichever model is wanted.
final class EngineHost: ModelHost {
    let slot: ModelSlot
    private let settings: EngineSettings
    private let http: HTTPClient
    private let logger: Logger
    private let cache: ModelCache
    private let owner: ProcessIdentity

    /// - Throws: `EngineError` where `/proc` does not tell who this process is.
    init(settings: EngineSettings, http: HTTPClient, logger: Logger) throws {
        guard let owner = ProcessIdentity.current else {
            throw EngineError("/proc can't be read, so nobody could tell whose engine is whose")
        }
        self.settings = settings
        self.http = http
        self.logger = logger
        cache = ModelCache(folder: settings.cacheFolder, budget: settings.cacheBytes)
        self.owner = owner
        slot = ModelSlot(lane: "b300", host: settings.place.host, loadSeconds: 120)
    }

    /// Until cancelled. Begins by ending what workers that are gone have left behind.
    func run() async {
        let orphans = EngineProcess.endOrphans()
        if orphans > 0 {
            logger.notice("engines of workers that are gone were ended", metadata: ["processes": "\(orphans)"])
        }
        for await _ in slot.changes {
            while let model = slot.wanted, !Task.isCancelled { await serve(model) }
        }
    }

    /// Engines end with `run`.
    func finish() async {}

    /// Returns when another model is wanted, or this one can't be served any more.
    private func serve(_ model: ModelReference) async {
        let started = ContinuousClock.now
        do {
            let client = try OpenAIClient(
                baseURL: settings.place.baseURL, model: model.repository, apiKey: nil, http: http)
            switch await client.serves(timeout: .seconds(2)) {
            case .unanswered: break
            case .wantedModel, .otherModels:
                throw EngineError(
                    "something else answers at \(settings.place.baseURL): give the worker a port of its own")
            }
            let engine = try prepare(model)
            logger.notice("the engine starts", metadata: ["model": "\(model)", "engine.log": "\(engine.log)"])
            let problem = try await withThrowingTaskGroup(of: String?.self) { group in
                group.addTask { try await engine.run() }
                group.addTask { try await self.watch(model, through: client, since: started) }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            if let problem { fail(model, since: started, problem, log: engine.logTail()) }
        } catch is CancellationError {
        } catch {
            fail(model, since: started, "\(error)", log: "")
        }
    }

    private func prepare(_ model: ModelReference) throws -> EngineProcess {
        let folder = try cache.use(model)
        for name in try cache.makeRoom(sparing: model) {
            logger.notice("a model was removed from the cache", metadata: ["model.folder": "\(name)"])
        }
        var environment = ["HF_HOME": "\(folder)/hub"]
        if !settings.place.gpus.isEmpty {
            environment["CUDA_VISIBLE_DEVICES"] = settings.place.gpus.joined(separator: ",")
        }
        return EngineProcess(
            command: settings.template.command(for: model, at: settings.place, folder: folder),
            environment: environment,
            log: "\(settings.cacheFolder)/engine-\(settings.place.port).log", owner: owner, port: settings.place.port)
    }

    /// Nil once another model is wanted; else why the engine does not serve this one.
    private func watch(
        _ model: ModelReference, through client: OpenAIClient, since started: ContinuousClock.Instant
    ) async throws -> String? {
        while slot.wanted == model {
            if slot.endpoint == nil {
                switch await client.serves(timeout: .seconds(5)) {
                case .wantedModel: noteServed(model, since: started)
                case .otherModels(let others):
                    return "port \(settings.place.port) serves \(others.joined(separator: ", ")) instead"
                case .unanswered(let failure):
                    if .now - started > settings.loadTimeout {
                        return "the model was not served within \(settings.loadTimeout): \(failure)"
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(250))
        }
        return nil
    }

    private func noteServed(_ model: ModelReference, since started: ContinuousClock.Instant) {
        let duration = ContinuousClock.now - started
        logger.notice("the engine serves", metadata: ["model": "\(model)", "load.ms": "\(duration.milliseconds)"])
        slot.noteServed(model, at: settings.place.baseURL, after: duration)
    }

    private func fail(_ model: ModelReference, since started: ContinuousClock.Instant, _ problem: String, log: String) {
        logger.error(
            "the engine failed", metadata: ["model": "\(model)", "error": "\(problem)", "engine.log.tail": "\(log)"])
        slot.noteFailed(model, after: .now - started, log.isEmpty ? problem : "\(problem)\n\(log)")
    }
}

private struct EngineError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
