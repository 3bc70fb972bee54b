internal import Domain

/// What a container is to be made of, in the engine's words.
struct ContainerOrder: Encodable {
    struct Binding: Encodable {
        let hostAddress: String
        /// Empty: the engine takes a free one.
        let hostPort = ""

        private enum CodingKeys: String, CodingKey {
            case hostAddress = "HostIp"
            case hostPort = "HostPort"
        }
    }

    struct Limit: Encodable {
        let name: String
        let soft: Int
        let hard: Int

        private enum CodingKeys: String, CodingKey {
            case name = "Name"
            case soft = "Soft"
            case hard = "Hard"
        }
    }

    struct Host: Encodable {
        let memory: Int64
        /// Memory and swap together: no swap.
        let memoryAndSwap: Int64
        let nanoCPUs: Int64?
        let pidsLimit: Int64
        let isReadOnly: Bool
        let network: String
        let ports: [String: [Binding]]?
        let temporary: [String: String]
        /// Explicit, because an engine without the right to raise limits can't apply its own defaults.
        let limits = [Limit(name: "nofile", soft: 1_024, hard: 4_096), Limit(name: "nproc", soft: 4_096, hard: 4_096)]
        let security = ["no-new-privileges"]

        private enum CodingKeys: String, CodingKey {
            case memory = "Memory"
            case memoryAndSwap = "MemorySwap"
            case nanoCPUs = "NanoCpus"
            case pidsLimit = "PidsLimit"
            case isReadOnly = "ReadonlyRootfs"
            case network = "NetworkMode"
            case ports = "PortBindings"
            case temporary = "Tmpfs"
            case limits = "Ulimits"
            case security = "SecurityOpt"
        }
    }

    let image: String
    let variables: [String]
    let labels: [String: String]
    let ports: [String: [String: String]]?
    let host: Host

    private enum CodingKeys: String, CodingKey {
        case image = "Image"
        case variables = "Env"
        case labels = "Labels"
        case ports = "ExposedPorts"
        case host = "HostConfig"
    }

    /// - Parameters:
    ///   - image: The id of what was pinned.
    ///   - publishedOn: The address on which its port is published; nil in the host's own network.
    init(
        _ settings: ContainerSettings, image: String, variables: [String: String], labels: [String: String],
        network: ContainerNetwork, publishedOn: String?
    ) {
        let port = "\(settings.port)/tcp"
        self.image = image
        self.variables = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        self.labels = labels
        ports = publishedOn == nil ? nil : [port: [:]]
        host = Host(
            memory: settings.memoryBytes, memoryAndSwap: settings.memoryBytes, nanoCPUs: settings.nanoCPUs,
            pidsLimit: settings.pidsLimit, isReadOnly: settings.isReadOnly, network: network.rawValue,
            ports: publishedOn.map { [port: [Binding(hostAddress: $0)]] },
            temporary: settings.isReadOnly ? ["/tmp": "rw"] : [:])
    }
}
