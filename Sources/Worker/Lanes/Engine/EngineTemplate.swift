public import Domain

/// A command that serves one model, with placeholders for what differs from one start to the next.
public struct EngineTemplate: Hashable, Sendable, CustomStringConvertible {
    /// What may stand in braces.
    public static let placeholders = ["model", "revision", "host", "port", "gpus", "gpu_count", "folder"]

    /// Commands of well-known engines, by name. None trusts code from a model's repository.
    public static let presets: [(name: String, command: String)] = [
        (
            "sglang",
            """
            python3 -m sglang.launch_server --model-path {model} --revision {revision} --served-model-name {model} --host {host} \
            --port {port} --dp {gpu_count} --mem-fraction-static 0.85 --chunked-prefill-size 4096
            """
        ),
        (
            "vllm",
            """
            vllm serve {model} --revision {revision} --served-model-name {model} --host {host} --port {port} \
            --data-parallel-size {gpu_count}
            """
        ),
        ("llama.cpp", "llama-server --model {folder}/model.gguf --alias {model} --host {host} --port {port}"),
    ]

    public let description: String
    private let words: [String]

    /// - Parameter text: A preset's name, or a command whose words are separated by blanks.
    /// - Throws: `InvalidValue` for an unknown placeholder, or when the command can't know its model or its port.
    public init(_ text: String) throws(InvalidValue) {
        description = text
        let command = Self.presets.first { $0.name == text }?.command ?? text
        words = command.split(separator: " ").map(String.init)
        for match in command.matches(of: /\{([^{}]*)\}/) where !Self.placeholders.contains(String(match.output.1)) {
            throw InvalidValue(
                field: "engine placeholder", value: String(match.output.0),
                expected: "one of " + Self.placeholders.map { "{\($0)}" }.joined(separator: " "))
        }
        let presets = Self.presets.map(\.name).joined(separator: ", ")
        guard command.contains("{port}"), command.contains("{model}") || command.contains("{folder}") else {
            throw InvalidValue(
                field: "engine", value: text,
                expected: "a preset (\(presets)), or a command with {port} and with {model} or {folder}")
        }
    }

    /// Whether the command has this placeholder.
    func uses(_ placeholder: String) -> Bool { words.contains { $0.contains("{\(placeholder)}") } }

    /// The command's words for one model at one place.
    package func command(for model: ModelReference, at place: EnginePlace, folder: String) -> [String] {
        let values = [
            "model": model.repository, "revision": model.revision, "host": place.address, "port": "\(place.port)",
            "gpus": place.gpus.joined(separator: ","), "gpu_count": "\(max(1, place.gpus.count))", "folder": folder,
        ]
        return words.map { word in
            word.replacing(/\{([^{}]*)\}/) { values[String($0.output.1)] ?? String($0.output.0) }
        }
    }
}

/// Where an engine runs.
public struct EnginePlace: Hashable, Sendable {
    /// The name of the machine, by which failures to load are counted.
    public var host: String
    /// That the engine listens on, and by which environments reach it.
    public var address: String
    public var port: Int
    /// As `CUDA_VISIBLE_DEVICES` names them; none leaves the choice to the engine.
    public var gpus: [String]

    public init(host: String, address: String = "127.0.0.1", port: Int = 30_000, gpus: [String] = []) {
        self.host = host
        self.address = address
        self.port = port
        self.gpus = gpus
    }

    var baseURL: String { "http://\(address):\(port)/v1" }
}

/// How a worker runs an engine of its own.
public struct EngineSettings: Sendable {
    public var template: EngineTemplate
    public var place: EnginePlace
    /// Holds a folder for each model.
    public var cacheFolder: String
    /// Of all models on disk together; the least recently used go first.
    public var cacheBytes: Int64
    /// From the engine's start until it has to serve its model.
    public var loadTimeout: Duration

    public init(
        template: EngineTemplate, place: EnginePlace, cacheFolder: String, cacheBytes: Int64 = 500 << 30,
        loadTimeout: Duration = .seconds(1_800)
    ) {
        self.template = template
        self.place = place
        self.cacheFolder = cacheFolder
        self.cacheBytes = cacheBytes
        self.loadTimeout = loadTimeout
    }
}
