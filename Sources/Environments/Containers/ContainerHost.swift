public import Domain

/// Which network containers are in.
public enum ContainerNetwork: String, Sendable, CaseIterable {
    /// Their own, with the server's port published on this machine's loopback alone.
    case bridge
    /// This machine's: they reach what listens on 127.0.0.1 here. Their servers are told a free port in `AFFINETES_PORT`.
    case host
}

/// Where a worker runs containers, and what it gives them.
public struct ContainerHost: Sendable {
    public var engine: EngineAddress
    public var network: ContainerNetwork
    /// The variables of the worker's own process, by name.
    public var secret: @Sendable (_ name: String) -> String?

    /// - Throws: `InvalidValue` for the host's network at an engine that is elsewhere.
    public init(
        engine: EngineAddress, network: ContainerNetwork = .bridge,
        secret: @escaping @Sendable (_ name: String) -> String? = { _ in nil }
    ) throws(InvalidValue) {
        guard network == .bridge || engine.isLocal else {
            throw InvalidValue(
                field: "container network", value: network.rawValue,
                expected: "'bridge' for \(engine): an engine elsewhere can't share this machine's network")
        }
        self.engine = engine
        self.network = network
        self.secret = secret
    }
}
