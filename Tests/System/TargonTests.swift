import Domain
import Foundation
import Subprocess
import TestSupport
import Testing

/// Workers whose models a stand-in of Targon serves.
@Suite(.serialized, .timeLimit(.minutes(15))) struct TargonTests {
    private static let options = [
        "--targon", "--targon-resource", "h200-small", "--targon-arena", "tests", "--targon-grace", "1",
    ]

    private func variables(_ targon: TargonStandIn, _ more: [String: String] = [:]) -> [String: String] {
        ["TARGON_API_KEY": TargonStandIn.key, "TARGON_API_URL": targon.url].merging(more) { $1 }
    }

    /// Runs a worker until the condition holds, and ends it so.
    private func worker(
        _ targon: TargonStandIn, _ arena: RunningArena, endedBy signals: [Signal],
        once conditions: [() async throws -> Bool]
    ) async throws {
        let result = try await Subprocess.run(
            .path(Program.path()), arguments: Arguments(["worker", "run", "--ttl", "1"] + Self.options),
            environment: Program.surroundings(variables(targon, ["AFFINE_DATABASE_URL": arena.workerURL])),
            input: .none, output: .discarded, error: .string(limit: 1 << 20)
        ) { worker in
            // A test that fails must end what it started as well.
            do {
                for (signal, condition) in zip(signals, conditions) {
                    try await eventually("the worker got there", within: .seconds(120), condition)
                    try worker.send(signal: signal)
                }
            } catch {
                try worker.send(signal: .kill)
                throw error
            }
        }
        #expect(!result.standardError.contains(TargonStandIn.key))
    }

    /// - Returns: The ids that were deleted, or would be.
    private func sweep(_ targon: TargonStandIn, _ arena: RunningArena, _ options: String...) async throws -> [String] {
        let ended = try await Program.run(
            ["targon", "sweep", "--targon-arena", "tests", "--json", "--data", arena.folder] + options,
            environment: variables(targon))
        #expect(ended.exitCode == 0 && !ended.errors.contains(TargonStandIn.key), "\(ended.errors)")
        return try ended.document().arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
    }

    @Test(
        "a worker killed at any step of a workload's life leaves nothing that the next worker, or a sweep, does not remove",
        arguments: [TargonStandIn.Call.create, .deploy, .state, .delete])
    func killed(call: TargonStandIn.Call) async throws {
        try await RunningArena.with { arena in
            try await arena.run(["env", "define", "abd", "--sampling-count", "20"])
            try await arena.admit(["models/one"])
            for nextIsWorker in [true, false] {
                let targon = TargonStandIn()
                // The call is carried out, and the worker dies before it hears so.
                targon.breakDown { $0 == call && $1 == 0 ? .hang : nil }
                let arrived: () async throws -> Bool = { targon.calls.contains(call) }
                let serves: () async throws -> Bool = { targon.workloads.contains { $0.status == "running" } }
                if call == .delete {
                    try await worker(targon, arena, endedBy: [.terminate, .kill], once: [serves, arrived])
                } else {
                    try await worker(targon, arena, endedBy: [.kill], once: [arrived])
                }
                targon.repair()
                if nextIsWorker {
                    try await worker(targon, arena, endedBy: [.terminate], once: [serves])
                } else {
                    let left = targon.workloads.map(\.id)
                    try await eventually("the queue knows that the worker is dead", within: .seconds(60)) {
                        try await sweep(targon, arena, "--dry-run") == left
                    }
                    #expect(try await sweep(targon, arena, "--grace", "1") == left)
                }
                #expect(targon.workloads.isEmpty && targon.created <= 2)
            }
        }
    }

    @Test("a sweep keeps what a live worker is placed on, and --dry-run deletes nothing")
    func inUse() async throws {
        let targon = TargonStandIn()
        try await RunningArena.with { arena in
            try await arena.run(["env", "define", "abd", "--sampling-count", "20"])
            try await arena.admit(["models/one"])
            let isKept: () async throws -> Bool = {
                guard targon.workloads.contains(where: { $0.status == "running" }) else { return false }
                let swept = try await sweep(targon, arena, "--dry-run") + sweep(targon, arena, "--grace", "0")
                #expect(swept.isEmpty && targon.workloads.count == 1)
                return true
            }
            try await worker(targon, arena, endedBy: [.terminate], once: [isKept])
            #expect(targon.workloads.isEmpty)
        }
    }

    @Test(
        "what Targon can't be asked for is refused by name, value and what is allowed",
        arguments: [
            (["--targon"], "--targon needs --targon-resource"),
            (["--targon", "--targon-resource", "h200-small"], "Targon needs --targon-arena"),
            (
                ["--targon", "--targon-resource", "h200-small", "--targon-arena", "a b"],
                "Targon arena 'a b' is not valid: expected 1-63 characters"
            ),
            (["--targon-resource", "h200-small"], "the options of Targon need --targon"),
            (
                ["--targon", "--targon-resource", "h200-small", "--targon-arena", "a", "--engine", "sglang"],
                "--engine, --targon and --endpoint exclude each other"
            ),
            (
                [
                    "--targon", "--targon-resource", "h200-small", "--targon-arena", "a", "--targon-key-file",
                    "/nowhere",
                ],
                "'/nowhere' can't be read"
            ),
        ])
    func refused(options: [String], complaint: String) async throws {
        let ended = try await Program.run(["worker", "run"] + options, environment: ["TARGON_API_KEY": "key"])
        #expect(ended.exitCode != 0 && ended.errors.contains(complaint), "\(ended.errors)")
    }
}
