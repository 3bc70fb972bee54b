import Domain
import Foundation
import Postgres
import Subprocess
import TestSupport
import Testing

/// Workers with an engine of their own.
@Suite(.serialized, .timeLimit(.minutes(15))) struct EngineTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()

    @Test("two real models meet on one machine: llama.cpp serves one after the other, and nothing is left running")
    func realModels() async throws {
        let models = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        let llama = Self.root.appending(path: "Engine/llama").path
        let engine = [
            "--engine", "\(llama) {model} {port}", "--engine-port", "\(DeadPort.refusing())", "--engine-host", "gpu-1",
        ]
        try await RunningArena.with(engine + ["--model-cache", models, "--concurrency", "2", "--rerun-tasks", "0"]) {
            arena in
            try await arena.run(["env", "define", "abd", "--sampling-count", "2", "--margin", "0.03"])
            try await arena.admit(["HuggingFaceTB/SmolLM2-135M-Instruct", "google/gemma-3-270m"])
            try await eventually("the contest is over", within: .seconds(600)) {
                try await arena.run(["contest", "list"]).document().arrayValue?.first?["verdict"]?.stringValue != nil
            }
            let owner = try arena.owner()
            let loads = try await owner.run(ListLoads())
            #expect(
                loads == ["HuggingFaceTB/SmolLM2-135M-Instruct on gpu-1: true", "google/gemma-3-270m on gpu-1: true"])
            let credited = try await owner.run(ListCredits())
            await owner.close()
            #expect(credited.allSatisfy { $0.evaluated == $0.served } && Set(credited.map(\.served)).count == 2)
            #expect(EngineProcesses.of(models: models).count == 1)
        }
        #expect(EngineProcesses.of(models: models) == [])
        try FileManager.default.removeItem(atPath: models)
    }

    @Test(
        "what a killed worker's engine left behind is gone once the next one has started, which keeps its own",
        arguments: [3])
    func killedWorkers(rounds: Int) async throws {
        let models = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        let script = Self.root.appending(path: "../WorkerTests/Engine/engine.py").standardized.path
        try await RunningArena.with { arena in
            try await arena.run(["env", "define", "abd", "--sampling-count", "20"])
            try await arena.admit(["models/one"])
            for round in 1...rounds + 1 {
                let port = DeadPort.refusing()
                let engine = [
                    "--engine", "python3 \(script) {model} {port}", "--engine-port", "\(port)", "--model-cache", models,
                ]
                let result = try await Subprocess.run(
                    .path(Program.path()), arguments: Arguments(["worker", "run", "--ttl", "2"] + engine),
                    environment: Program.surroundings(["AFFINE_DATABASE_URL": arena.workerURL]), input: .none,
                    output: .discarded, error: .string(limit: 1 << 20)
                ) { worker in
                    // The engine and the helper that it leaves in a session of its own.
                    try await eventually("one engine runs", within: .seconds(60)) {
                        EngineProcesses.ports(ofModels: models) == [port, port]
                    }
                    // The engine does not know the way into the database.
                    #expect(EngineProcesses.of(models: models, knowing: "AFFINE_DATABASE_URL") == [])
                    try worker.send(signal: round <= rounds ? .kill : .terminate)
                }
                let left = EngineProcesses.of(models: models).count
                #expect(round <= rounds ? left > 0 : left == 0, "\(result.standardError)")
            }
        }
        try FileManager.default.removeItem(atPath: models)
    }

    @Test(
        "what an engine can't be is refused by name, value and what is allowed",
        arguments: [
            (
                ["--engine", "sgl"],
                "engine 'sgl' is not valid: expected a preset (sglang, vllm, llama.cpp), or a command with {port}"
            ),
            (
                ["--engine", "run {model} {port} {gpu}"],
                "engine placeholder '{gpu}' is not valid: expected one of {model}"
            ),
            (["--engine", "sglang", "--engine-port", "0"], "--engine-port '0' is not valid: expected 1 to 65535"),
            (
                ["--engine", "sglang", "--endpoint", "a/b@\(String(repeating: "a", count: 40))=http://h/v1"],
                "--engine, --targon and --endpoint exclude each other"
            ),
            (
                [],
                "a worker needs a model: --endpoint owner/name@revision=URL, or an engine: --engine sglang, or --targon"
            ),
        ])
    func refused(options: [String], complaint: String) async throws {
        let ended = try await Program.run(["worker", "run"] + options)
        #expect(ended.exitCode != 0 && ended.errors.contains(complaint), "\(ended.errors)")
    }
}
