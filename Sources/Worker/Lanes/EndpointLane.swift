internal import Domain
internal import HTTPClient
internal import Inference
internal import Logging
internal import Postgres
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// The models a worker reaches, at fixed URLs or at its own engine's. An endpoint is used only while it is known to serve the
/// right model; one that fails rests, and is asked again with growing pauses.
final class EndpointLane: Sendable {
    fileprivate struct Station: Sendable {
        let endpoint: Endpoint
        let client: OpenAIClient
        /// Set while the endpoint is ready.
        var deployment: DeploymentID?
        /// Since it last did its work: listing the right model is not enough.
        var failures = 0
        var nextLook: ContinuousClock.Instant
    }

    private let stations = Mutex<[Station]>([])
    private let connect: @Sendable (Endpoint) throws(InvalidValue) -> OpenAIClient
    private let logger: Logger

    /// - Throws: `InvalidValue` for a URL that can't be one.
    init(endpoints: [Endpoint], apiKey: String?, maximumReplyBytes: Int, http: HTTPClient, logger: Logger) throws {
        connect = { endpoint throws(InvalidValue) in
            try OpenAIClient(
                baseURL: endpoint.baseURL, model: endpoint.model.repository, apiKey: apiKey, http: http,
                maximumReplyBytes: maximumReplyBytes)
        }
        self.logger = logger
        for endpoint in endpoints { try add(endpoint) }
    }

    /// Has no effect on an endpoint that is known already.
    ///
    /// - Throws: `InvalidValue` for a URL that can't be one.
    func add(_ endpoint: Endpoint) throws(InvalidValue) {
        let station = Station(endpoint: endpoint, client: try connect(endpoint), nextLook: .now)
        stations.withLock { stations in
            if !stations.contains(where: { $0.endpoint == endpoint }) { stations.append(station) }
        }
    }

    func remove(_ endpoint: Endpoint) {
        stations.withLock { stations in stations.removeAll { $0.endpoint == endpoint } }
    }

    /// The deployments that can take work now.
    var ready: [DeploymentID] {
        stations.withLock { $0.compactMap(\.deployment) }
    }

    /// The model behind a deployment; nil once it rests.
    func client(for deployment: DeploymentID) -> (client: OpenAIClient, baseURL: String)? {
        stations.withLock { stations in
            stations.first { $0.deployment == deployment }.map { ($0.client, $0.endpoint.baseURL) }
        }
    }

    /// Takes a deployment out of use until its endpoint answers again.
    func rest(_ deployment: DeploymentID) {
        stations.withLock { stations in
            guard let index = stations.firstIndex(where: { $0.deployment == deployment }) else { return }
            stations[index].deployment = nil
            stations[index].postpone()
        }
    }

    /// A deployment did its work: when it fails next, its rest is short again.
    func praise(_ deployment: DeploymentID) {
        stations.withLock { stations in
            guard let index = stations.firstIndex(where: { $0.deployment == deployment }) else { return }
            stations[index].failures = 0
        }
    }

    /// Looks at endpoints that rest, with growing pauses, and now and then at those that work: a URL may begin to serve
    /// another model. Until cancelled.
    func watch(worker: UUID, database: Database) async throws {
        while !Task.isCancelled {
            let due = stations.withLock { stations in stations.filter { $0.nextLook <= .now } }
            for station in due {
                let sight = await look(at: station, worker: worker, database: database)
                stations.withLock { stations in
                    guard let index = stations.firstIndex(where: { $0.endpoint == station.endpoint }) else { return }
                    stations[index].note(sight, seenAt: station.deployment)
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// What a look at an endpoint showed.
    fileprivate enum Sight {
        case serving(DeploymentID)
        /// It does not answer, or serves something else.
        case unfit
        /// No reason to think otherwise than before.
        case nothing
    }

    private func look(at station: Station, worker: UUID, database: Database) async -> Sight {
        let endpoint = station.endpoint
        switch await station.client.serves() {
        case .wantedModel:
            do {
                let deployments = try await database.run(
                    RegisterDeployment(
                        worker: worker, baseURL: EndpointURL(endpoint.baseURL).description, model: endpoint.model)
                )
                return deployments.first.map(Sight.serving) ?? .nothing
            } catch {
                logger.warning("a deployment could not be registered", metadata: ["error": "\(error)"])
            }
        case .otherModels(let models):
            logger.warning(
                "the endpoint serves another model",
                metadata: [
                    "endpoint": "\(EndpointURL.redacted(malformed: endpoint.baseURL))",
                    "model.wanted": "\(endpoint.model.repository)",
                    "model.served": "\(models.joined(separator: ", "))",
                ])
            return .unfit
        case .unanswered(let failure):
            // Calls under way tell soon enough whether an endpoint that worked has died; one slow answer does not.
            if station.deployment != nil { return .nothing }
            logger.warning(
                "the endpoint does not answer; it will be asked again",
                metadata: ["endpoint": "\(EndpointURL.redacted(malformed: endpoint.baseURL))", "error": "\(failure)"])
        }
        return station.deployment == nil ? .unfit : .nothing
    }
}

extension EndpointLane.Station {
    /// A look that began before the endpoint was sent to rest says nothing any more.
    fileprivate mutating func note(_ sight: EndpointLane.Sight, seenAt before: DeploymentID?) {
        guard deployment == before else { return }
        switch sight {
        case .serving(let deployment):
            self.deployment = deployment
            nextLook = .now + .seconds(5)
        case .unfit:
            deployment = nil
            postpone()
        case .nothing: nextLook = .now + .seconds(5)
        }
    }

    /// 0.5 s, 1 s, 2 s … up to 30 s from now.
    fileprivate mutating func postpone() {
        nextLook = .now + min(.milliseconds(500) * (1 << min(failures, 6)), .seconds(30))
        failures += 1
    }
}
