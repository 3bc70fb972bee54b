/// How the server of an environment is run in a container, the same on every worker.
public struct ContainerSettings: Hashable, Sendable, Codable {
    /// As `ImageReference` reads it. A tag is resolved once by each worker; a digest is the same everywhere.
    public var image: String
    /// The most memory it may use, in bytes, with none of it swapped.
    public var memoryBytes: Int64
    /// Billionths of a processor; nil for no limit.
    public var nanoCPUs: Int64?
    /// Processes and threads together.
    public var pidsLimit: Int64
    /// Whether nothing but `/tmp` can be written.
    public var isReadOnly: Bool
    /// What its server listens on.
    public var port: Int
    /// Variables that anyone may see.
    public var variables: [String: String]
    /// Names of variables that a worker hands on from its own process, and that are stored nowhere.
    public var secrets: [String]
    /// The most containers of it that one worker runs side by side.
    public var replicas: Int
    /// How long a container without a call is kept.
    public var idleSeconds: Int
    /// How long it may take until `/health` answers 200.
    public var startSeconds: Int

    private enum CodingKeys: String, CodingKey {
        case image, port, secrets, replicas
        case memoryBytes = "memory_bytes"
        case nanoCPUs = "nano_cpus"
        case pidsLimit = "pids_limit"
        case isReadOnly = "read_only"
        case variables = "env"
        case idleSeconds = "idle_seconds"
        case startSeconds = "start_seconds"
    }

    public init(
        image: String, memoryBytes: Int64 = 4 << 30, nanoCPUs: Int64? = nil, pidsLimit: Int64 = 512,
        isReadOnly: Bool = false, port: Int = 8_000, variables: [String: String] = [:], secrets: [String] = [],
        replicas: Int = 1, idleSeconds: Int = 900, startSeconds: Int = 120
    ) {
        self.image = image
        self.memoryBytes = memoryBytes
        self.nanoCPUs = nanoCPUs
        self.pidsLimit = pidsLimit
        self.isReadOnly = isReadOnly
        self.port = port
        self.variables = variables
        self.secrets = secrets
        self.replicas = replicas
        self.idleSeconds = idleSeconds
        self.startSeconds = startSeconds
    }

    /// - Throws: `InvalidValue` naming the field, as stored, its value and what is allowed.
    public func check() throws(InvalidValue) {
        do { _ = try ImageReference(image) } catch {
            throw InvalidValue(field: "container.image", value: image, expected: error.expected)
        }
        try check("memory_bytes", memoryBytes, 16 << 20...16 << 40)
        if let nanoCPUs { try check("nano_cpus", nanoCPUs, 10_000_000...1_024_000_000_000) }
        try check("pids_limit", pidsLimit, 8...65_536)
        try check("port", Int64(port), 1...65_535)
        try check("replicas", Int64(replicas), 1...64)
        try check("idle_seconds", Int64(idleSeconds), 1...86_400)
        try check("start_seconds", Int64(startSeconds), 1...3_600)
        for name in variables.keys.sorted() + secrets where !Self.isVariable(name) {
            throw InvalidValue(
                field: variables[name] == nil ? "container.secrets" : "container.env", value: name,
                expected: "names of variables: A-Z, 0-9 and '_', beginning with a letter")
        }
        for (name, value) in variables where value.utf8.contains(0) {
            throw InvalidValue(field: "container.env.\(name)", value: value, expected: "text without U+0000")
        }
        if let both = secrets.first(where: { variables[$0] != nil }) {
            throw InvalidValue(field: "container.secrets", value: both, expected: "names that 'env' does not set")
        }
    }

    private func check(_ field: String, _ value: Int64, _ allowed: ClosedRange<Int64>) throws(InvalidValue) {
        guard !allowed.contains(value) else { return }
        throw InvalidValue(
            field: "container.\(field)", value: String(value),
            expected: "\(allowed.lowerBound) to \(allowed.upperBound)")
    }

    private static func isVariable(_ name: String) -> Bool {
        name.utf8.first.map { (0x41...0x5A).contains($0) } == true && name.utf8.count <= 128
            && name.utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }
}
