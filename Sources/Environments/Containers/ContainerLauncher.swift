internal import Domain
internal import HTTPClient
internal import Logging
internal import Processes

internal import struct FoundationEssentials.UUID

/// Makes containers that serve an environment, and removes them.
struct ContainerLauncher: Sendable {
    let engine: ContainerEngine
    let images: ImagePins
    let host: ContainerHost
    private let http: HTTPClient
    private let owner: ContainerOwner
    private let logger: Logger

    init(host: ContainerHost, http: HTTPClient, owner: ContainerOwner, logger: Logger) {
        engine = ContainerEngine(host.engine, http: http)
        images = ImagePins(engine: engine)
        self.host = host
        self.http = http
        self.owner = owner
        self.logger = logger
    }

    /// Returns once the server in it is healthy; a container that does not get so far is removed.
    func launch(_ key: ContainerKey) async throws(ContainerError) -> Replica {
        let settings = key.settings
        var variables = try variables(key)
        let image = try await images.id(of: settings.image, for: key.environment)
        let isHosted = host.network == .host
        let port = isHosted ? ThisMachine.freePort : nil
        if let port { variables["AFFINETES_PORT"] = String(port) }
        let order = ContainerOrder(
            settings, image: image, variables: variables, labels: owner.labels(for: key, image: image),
            network: host.network, publishedOn: isHosted ? nil : host.engine.publishedOn)
        let container = try await engine.create(order, name: "affine-\(UUID().uuidString.lowercased())")
        do {
            try await engine.start(container)
            let url = try await url(of: container, key, port: port)
            let replica = Replica(key: key, container: container, url: url)
            try await untilHealthy(replica)
            return replica
        } catch {
            await remove(container)
            throw error as? ContainerError ?? .cutShort
        }
    }

    /// How a replica's container ended, with the last lines of its log; nil while it runs.
    func end(of replica: Replica) async throws(ContainerError) -> String? {
        let container = "container \(replica.container.prefix(12)) of image \(replica.key.settings.image)"
        guard let inspected = try await engine.inspect(replica.container) else { return "\(container) is gone" }
        guard !inspected.state.isRunning else { return nil }
        let state = inspected.state
        let reason =
            state.exitCode == 137 || state.wasOutOfMemory == true
            ? " (killed, most likely because it needed more than its \(replica.key.settings.memoryBytes >> 20) MiB of memory)"
            : ""
        let log = (try? await engine.logs(replica.container, lines: 10)) ?? ""
        return "\(container) exited with \(state.exitCode)\(reason)"
            + (log.isEmpty ? "" : "; its log ends with: \(log)")
    }

    func isHealthy(_ url: String, within limit: Duration = .seconds(5)) async -> Bool {
        let request = HTTPRequest(url: url + "/health", timeout: limit, maximumResponseBytes: 1 << 16)
        return (try? await http.send(request).status) == 200
    }

    /// Failing to is logged: who starts next on this host tries again.
    func remove(_ container: String) async {
        do { try await engine.remove(container) } catch {
            guard error.code != .cancelled else { return }
            logger.warning(
                "a container could not be removed",
                metadata: ["container.id": "\(container.prefix(12))", "error": "\(error)"])
        }
    }

    /// The ids of this process's containers that run.
    func running() async throws(ContainerError) -> Set<String> {
        Set(try await engine.list(label: ContainerOwner.workerLabel, owner.id).filter(\.isRunning).map(\.id))
    }

    func removeOwn() async {
        guard let own = try? await engine.list(label: ContainerOwner.workerLabel, owner.id) else { return }
        for container in own { await remove(container.id) }
    }

    /// Removes what processes of this host left behind that did not come to remove it themselves. What belongs to a process
    /// that lives, or of which nothing can be said, stays.
    func removeLeftovers() async {
        do {
            let version = try await engine.version()
            logger.info(
                "container engine", metadata: ["version": "\(version.version)", "api": "\(version.apiVersion)"])
            for container in try await engine.list(label: ContainerOwner.hostLabel, ThisMachine.name) {
                let metadata: Logger.Metadata = ["container.id": "\(container.id.prefix(12))"]
                switch owner.standing(ofOwnerOf: container) {
                case .alive: continue
                case .dead:
                    logger.notice("removing a container that a dead process left", metadata: metadata)
                    await remove(container.id)
                case .unknown:
                    logger.warning("leaving a container whose process can't be seen from here", metadata: metadata)
                }
            }
        } catch {
            logger.info("no leftovers were looked for", metadata: ["error": "\(error)"])
        }
    }

    private func variables(_ key: ContainerKey) throws(ContainerError) -> [String: String] {
        var variables = key.settings.variables
        for name in key.settings.secrets {
            guard let value = host.secret(name) else {
                throw ContainerError(
                    .secretMissing,
                    "environment \(key.environment) needs the variable \(name), which this worker's process does not have: "
                        + "set it and start the worker again")
            }
            variables[name] = value
        }
        return variables
    }

    private func url(of container: String, _ key: ContainerKey, port: Int?) async throws(ContainerError) -> String {
        if let port { return "http://127.0.0.1:\(port)" }
        let inspected = try await engine.inspect(container)
        if let port = inspected?.publishedPort(of: key.settings.port) { return "http://\(host.engine.host):\(port)" }
        let replica = Replica(key: key, container: container, url: "")
        let end = try await end(of: replica)
        throw ContainerError(.startFailed, end ?? "the engine at \(engine.address) published no port of \(container)")
    }

    private func untilHealthy(_ replica: Replica) async throws {
        let settings = replica.key.settings
        let deadline = ContinuousClock.now + .seconds(settings.startSeconds)
        var pause = Duration.milliseconds(20)
        while !(await isHealthy(replica.url)) {
            if let end = try await end(of: replica) { throw ContainerError(.startFailed, end) }
            guard .now < deadline else {
                let log = (try? await engine.logs(replica.container, lines: 10)) ?? ""
                throw ContainerError(
                    .startFailed,
                    "the server in image \(settings.image) did not answer GET /health with 200 within "
                        + "\(settings.startSeconds) s: does it listen on port \(settings.port)? Its log ends with: \(log)"
                )
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
    }
}
