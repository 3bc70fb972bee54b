public import ArgumentParser
public import Containers
import Domain
import HTTPClient
import Worker

extension ContainerNetwork: ExpressibleByArgument {}

/// How a worker works, for commands that run one.
struct WorkerOptions: ParsableArguments {
    @Option(
        name: .customLong("endpoint"),
        help:
            "A model that is served: owner/name@revision=URL, the URL OpenAI-compatible and with /v1. May be repeated.")
    var endpoints: [String] = []

    @OptionGroup(title: "Engine options") var engine: EngineOptions

    @OptionGroup(title: "Targon options") var targon: TargonOptions

    @Option(
        help: "The most jobs under way at once; a deployment is given fewer while it says that it is asked too much.")
    var concurrency = 8

    @Option(help: "ENVIRONMENT=N: the most jobs under way at once in one environment. May be repeated.")
    var environmentLimit: [String] = []

    @Option(help: "Seconds without a heartbeat after which the worker's jobs are given to others.")
    var ttl: Int64 = 60

    @Option(help: "Seconds that jobs under way may take after the worker was told to stop.")
    var grace: Int64 = 30

    @Option(
        help: ArgumentHelp(
            "What an hour of this worker costs, with its GPUs, in any one currency: for 'af costs'.", valueName: "price"
        ))
    var hourlyPrice: Double?

    @Flag(inversion: .prefixedNo, help: "Store what was said to the model and what it said.")
    var transcripts = true

    @Option(help: "A name for people.")
    var name = "worker"

    @Option(
        help: ArgumentHelp(
            "Container engine that speaks Docker's API: unix:///path or tcp://host:port (or DOCKER_HOST; else \(EngineAddress.usual)).",
            valueName: "engine"))
    var containers: String?

    @Option(
        help:
            "Network of environments' containers: bridge, or host where models are served at 127.0.0.1 of this machine."
    )
    var containerNetwork = ContainerNetwork.bridge

    func validate() throws {
        guard (1...10_000).contains(concurrency) else {
            throw ValidationError("--concurrency '\(concurrency)' is not valid: expected 1 to 10000")
        }
        guard (1...600).contains(ttl) else { throw ValidationError("--ttl '\(ttl)' is not valid: expected 1 to 600") }
        guard (0...3_600).contains(grace) else {
            throw ValidationError("--grace '\(grace)' is not valid: expected 0 to 3600")
        }
        if let hourlyPrice, !(0...1_000_000).contains(hourlyPrice) {
            throw ValidationError("--hourly-price '\(hourlyPrice)' is not valid: expected 0 to 1000000")
        }
    }

    /// - Throws: `InvalidValue` naming the endpoint, an engine or what Targon is asked for; `ValidationError` for more than one of
    ///   these.
    func settings() throws -> WorkerSettings {
        let (engine, targon) = (try engine.settings(), try targon.settings(loadTimeout: engine.loadTimeout))
        guard [engine != nil, targon != nil, !endpoints.isEmpty].count(where: { $0 }) <= 1 else {
            throw ValidationError("--engine, --targon and --endpoint exclude each other: run a worker for each")
        }
        return WorkerSettings(
            name: name, endpoints: try endpoints.map { try Endpoint($0) }, engine: engine, targon: targon,
            apiKey: CommonOptions.apiKey, concurrency: concurrency, environmentCaps: try caps(),
            timeToLive: .seconds(ttl), grace: .seconds(grace), hourlyPrice: hourlyPrice,
            keepsTranscripts: transcripts,
            containers: try ContainerHost(
                engine: EngineAddress(containers ?? CommonOptions.dockerHost ?? EngineAddress.usual),
                network: containerNetwork, secret: CommonOptions.secret))
    }

    /// Enough for all jobs to be under way at one endpoint, and for what else a worker asks.
    var connections: HTTPClientSettings {
        HTTPClientSettings(
            maximumConnectionsPerHost: max(128, concurrency), maximumConnections: max(512, concurrency + 64))
    }

    private func caps() throws -> [EnvironmentName: Int] {
        var caps: [EnvironmentName: Int] = [:]
        for text in environmentLimit {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let most = Int(parts[1]), most >= 1 else {
                throw InvalidValue(
                    field: "environment limit", value: text, expected: "ENVIRONMENT=N, N being 1 or more")
            }
            caps[try EnvironmentName(parts[0])] = most
        }
        return caps
    }
}
