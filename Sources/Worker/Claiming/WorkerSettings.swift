public import Containers
public import Domain
internal import HTTPClient

/// A model that someone else serves at a fixed URL.
public struct Endpoint: Hashable, Sendable {
    public let model: ModelReference
    /// OpenAI-compatible, including `/v1`.
    public let baseURL: String

    public init(model: ModelReference, baseURL: String) {
        self.model = model
        self.baseURL = baseURL
    }

    /// Reads `owner/name@revision=URL`.
    ///
    /// - Throws: `InvalidValue` naming the part that is wrong.
    public init(_ text: String) throws(InvalidValue) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw InvalidValue(field: "endpoint", value: text, expected: "'owner/name@revision=URL'")
        }
        let (model, baseURL) = (try ModelReference(String(parts[0])), String(parts[1]))
        let url = try? EndpointURL(baseURL)
        guard let url, !url.hasQueryOrFragment else {
            throw InvalidValue(
                field: "endpoint URL", value: url?.description ?? EndpointURL.redacted(malformed: baseURL),
                expected: "an http or https URL such as http://host:8000/v1, without query and fragment")
        }
        self.init(model: model, baseURL: baseURL)
    }
}

/// How one worker process works.
public struct WorkerSettings: Sendable {
    /// For people; the worker's identity is minted at each start.
    public var name: String
    public var endpoints: [Endpoint]
    /// The engine to start for whichever model has work; nil for a worker without one.
    public var engine: EngineSettings?
    /// Targon, to serve whichever model has work; nil for a worker without it. Not with an engine.
    public var targon: TargonSettings?
    /// Sent to the endpoints as a bearer token.
    public var apiKey: String?
    /// The most jobs under way at once; how many there really are adapts to what deployments bear.
    public var concurrency: Int
    /// The most jobs under way at once in one environment, of those that have a bound.
    public var environmentCaps: [EnvironmentName: Int]
    /// How long a job is tried again while its deployment is asked too much, before that costs it a try. A lease has half a
    /// minute to spare for each job.
    public var patience: Duration
    /// How long the queue believes in the worker without a heartbeat.
    public var timeToLive: Duration
    /// How long jobs under way may go on after the worker was told to stop.
    public var grace: Duration
    /// The longest answer that is read; a longer one is the model's fault.
    public var maximumReplyBytes: Int
    /// What an hour of it costs, in whatever unit its operator counts; nil where nobody said. For people: no work depends on it.
    public var hourlyPrice: Double?
    /// Whether conversations are stored beside their results.
    public var keepsTranscripts: Bool
    /// Where environments of kind `container` are run; nil where none can be.
    public var containers: ContainerHost?

    /// Whether there is any model that the worker could reach.
    public var canServe: Bool { !endpoints.isEmpty || engine != nil || targon != nil }

    public init(
        name: String, endpoints: [Endpoint], engine: EngineSettings? = nil, targon: TargonSettings? = nil,
        apiKey: String? = nil, concurrency: Int = 8, environmentCaps: [EnvironmentName: Int] = [:],
        patience: Duration = .seconds(25), timeToLive: Duration = .seconds(60), grace: Duration = .seconds(30),
        maximumReplyBytes: Int = 1 << 20, hourlyPrice: Double? = nil,
        keepsTranscripts: Bool = true, containers: ContainerHost? = nil
    ) {
        self.name = name
        self.endpoints = endpoints
        self.engine = engine
        self.targon = targon
        self.apiKey = apiKey
        self.concurrency = concurrency
        self.environmentCaps = environmentCaps
        self.patience = patience
        self.timeToLive = timeToLive
        self.grace = grace
        self.maximumReplyBytes = maximumReplyBytes
        self.hourlyPrice = hourlyPrice
        self.keepsTranscripts = keepsTranscripts
        self.containers = containers
    }
}
