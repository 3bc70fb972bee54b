public import ArenaAPI
internal import HTTPClient

/// A model that an OpenAI-compatible endpoint serves, and how it is to be asked.
public struct ServedModel: Sendable, CustomStringConvertible {
    /// The id by which the endpoint knows the model.
    public var name: String
    /// The endpoint, with `/v1`. Environments' servers have to reach it as well.
    public var baseURL: String
    /// 0 to 2.
    public var temperature: Double
    /// Sent with every task; nil sends with each task the seed that arenas send with it.
    public var seed: UInt32?
    /// Sent to the endpoint as a bearer token, and handed to environments' servers, which ask the model themselves.
    public var apiKey: String?

    public init(
        _ name: String, baseURL: String, temperature: Double = 0, seed: UInt32? = nil, apiKey: String? = nil
    ) {
        self.name = name
        self.baseURL = baseURL
        self.temperature = temperature
        self.seed = seed
        self.apiKey = apiKey
    }

    /// A registered miner's model. An arena tells its name and revision, but not where it is served; that the endpoint
    /// serves that revision is for the caller to see to.
    public init(
        of miner: ArenaMiner, baseURL: String, temperature: Double = 0, seed: UInt32? = nil, apiKey: String? = nil
    ) {
        self.init(miner.model, baseURL: baseURL, temperature: temperature, seed: seed, apiKey: apiKey)
    }

    /// Without credentials: fit for logs.
    public var description: String {
        "\(name) at \((try? EndpointURL(baseURL))?.description ?? EndpointURL.redacted(malformed: baseURL))"
    }
}
