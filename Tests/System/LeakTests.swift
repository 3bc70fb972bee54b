import Foundation
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Workers that are killed in the middle of whatever they do.
@Suite(.serialized, .timeLimit(.minutes(60))) struct LeakTests {
    /// What a worker has its models served by.
    private enum Lane: CaseIterable {
        case engine, targon
    }

    /// What workers have started and nobody has ended.
    private struct Left: Equatable {
        var engines: Set<pid_t> = []
        var containers: Set<String> = []
        var workloads: Set<String> = []

        var counts: [Int] { [engines.count, containers.count, workloads.count] }
    }

    /// Where things may be left behind.
    private struct Yard {
        let models = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        let targon = TargonStandIn()
        let containers: String

        func left() async throws -> Left {
            let listed = try await Subprocess.run(
                .name("podman"),
                arguments: [
                    "--url", containers, "ps", "--all", "--quiet", "--filter", "label=affine.environment=leaky",
                ],
                output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
            #expect(listed.terminationStatus.isSuccess, "\(listed.standardError)")
            return Left(
                engines: EngineProcesses.of(models: models),
                containers: Set(listed.standardOutput.split(separator: "\n").map(String.init)),
                workloads: Set(targon.workloads.map(\.id)))
        }

        /// Until the worker that started when `before` was left has something that serves a model, its own.
        func waitForModel(_ lane: Lane, since before: Left) async throws {
            try await eventually("a model is served", within: .seconds(120)) {
                switch lane {
                case .engine: try await !left().engines.subtracting(before.engines).isEmpty
                // One that is there already is adopted.
                case .targon: targon.workloads.contains { $0.status == "running" }
                }
            }
        }

        func waitForContainer(since before: Left) async throws {
            try await eventually("a container runs", within: .seconds(120)) {
                try await !left().containers.subtracting(before.containers).isEmpty
            }
        }

        func options(_ lane: Lane) -> [String] {
            let script = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../WorkerTests/Engine/engine.py").standardized.path
            return switch lane {
            case .engine:
                [
                    "--engine", "python3 \(script) {model} {port}", "--engine-port", "\(DeadPort.refusing())",
                    "--model-cache", models,
                ]
            case .targon:
                ["--targon", "--targon-resource", "h200-small", "--targon-arena", "leaky", "--targon-grace", "1"]
            }
        }
    }

    private func worker(
        _ lane: Lane, _ yard: Yard, _ arena: RunningArena, endedBy signal: Signal, after moment: () async throws -> Void
    ) async throws {
        let variables = [
            "AFFINE_DATABASE_URL": arena.workerURL, "DOCKER_HOST": yard.containers,
            "TARGON_API_KEY": TargonStandIn.key, "TARGON_API_URL": yard.targon.url,
        ]
        _ = try await Subprocess.run(
            .path(Program.path()),
            arguments: Arguments(["worker", "run", "--ttl", "1", "--concurrency", "2"] + yard.options(lane)),
            environment: Program.surroundings(variables), input: .none, output: .discarded, error: .discarded
        ) { worker in
            // A test that fails must end what it started as well.
            do {
                try await moment()
                try worker.send(signal: signal)
            } catch {
                try worker.send(signal: .kill)
                throw error
            }
        }
    }

    private static let environment = """
        name: leaky
        kind: container
        sampling_count: 100000
        ranges: ["0..<1000000"]
        container: { image: \(Podman.image), memory: 64m }
        """

    @Test(
        "engines, containers and workloads of workers that were killed are gone once the next ones have come and gone")
    func killed() async throws {
        let kills = ProcessInfo.processInfo.environment["AFFINE_LEAK_KILLS"].flatMap(Int.init) ?? 6
        let yard = Yard(containers: try await Podman.engine())
        var random = SeededRandom(seed: 1)
        try await RunningArena.with { arena in
            let file = arena.folder + "/leaky.yaml"
            try Self.environment.write(toFile: file, atomically: true, encoding: .utf8)
            try await arena.run(["env", "add", file])
            try await arena.admit(["models/one"])
            var (kept, leftMost) = (0, [0, 0, 0])
            for kill in 0..<kills {
                let (lane, pause) = (Lane.allCases[kill % 2], Duration.milliseconds(random.int(0...1_000)))
                let before = try await yard.left()
                try await worker(lane, yard, arena, endedBy: .kill) {
                    // Soon after its start, its model's or its environment's.
                    switch kill / 2 % 3 {
                    case 0: break
                    case 1: try await yard.waitForModel(lane, since: before)
                    default: try await yard.waitForContainer(since: before)
                    }
                    try await Task.sleep(for: pause)
                }
                let left = try await yard.left()
                kept += left == Left() ? 0 : 1
                leftMost = zip(leftMost, left.counts).map { max($0, $1) }
            }
            #expect(leftMost.allSatisfy { $0 > 0 }, "of something nothing was ever left: \(leftMost)")
            for lane in Lane.allCases {
                let before = try await yard.left()
                try await worker(lane, yard, arena, endedBy: .terminate) {
                    try await yard.waitForModel(lane, since: before)
                    try await yard.waitForContainer(since: before)
                }
            }
            let left = try await yard.left()
            #expect(left == Left(), "after \(kills) kills")
            print(
                "leaks: \(kills) workers killed, \(kept) times something was left, at most \(leftMost) engine processes, containers "
                    + "and workloads; in the end \(left.counts)")
        }
        try FileManager.default.removeItem(atPath: yard.models)
    }
}
