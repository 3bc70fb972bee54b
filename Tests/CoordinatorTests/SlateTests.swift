import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite(.migratedDatabase) struct SlateTests {
    private func tasks(_ stage: Stage, _ condition: String) async throws -> [String] {
        try await stage.owner.column(
            "SELECT ordinal FROM affine.window_task WHERE environment = 1 AND \(condition) ORDER BY ordinal")
    }

    @Test("a window's pool is the one that anybody can draw from the opening block's hash")
    func pool() async throws {
        try await Stage.with { stage in
            try await stage.prepare("a")
            try await stage.arena.advance()
            let seed = WindowSeed(window: WindowID(rawValue: 1), openingBlock: try Stage.block(100).hash)
            for name in ["abd", "ded"] {
                let pool = try seed.pool(
                    of: try EnvironmentName(name), from: TaskRanges([0..<1_000]), samplingCount: 10)
                #expect(pool.count == 11)
                try await #expect(
                    stage.owner.column(
                        """
                        SELECT task_id FROM affine.window_task t JOIN affine.environment e ON e.id = t.environment
                        WHERE e.name = '\(name)' ORDER BY ordinal
                        """) == pool.map(\.description))
            }
        }
    }

    @Test("without anything struck the slate is the beginning of the pool, in its order")
    func plain() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("a")
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(tasks(stage, "slate_position = ordinal") == (0..<10).map(String.init))
            try await #expect(tasks(stage, "slate_position IS NULL") == ["10"])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt") == "20")
        }
    }

    @Test("a task that the environment cannot grade leaves on evidence, and the pool's next task takes its place")
    func struck() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("a", attempts: 1)
            try await stage.play(miners) { job in
                job.environment == "abd" && job.position == 3 ? .ungradable : .scored(500)
            }
            try await #expect(tasks(stage, "slate_position IS NULL") == ["3"])
            try await #expect(tasks(stage, "slate_position = 9") == ["10"])
            try await #expect(
                stage.owner.column(
                    "SELECT struck_reason || ': ' || struck_evidence FROM affine.window_task WHERE struck_reason <> ''")
                    == ["ungradable: fails on an empty answer too"])
            try await #expect(stage.events("task.struck") == 1)
        }
    }

    @Test("without evidence a task is never struck: it stays and counts as the lowest score")
    func withoutEvidence() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", attempts: 1)
            try await stage.play(miners) { job in
                job.environment == "abd" && job.miner == "a" && job.position == 3 ? .environmentFault : .scored(500)
            }
            try await #expect(tasks(stage, "slate_position IS NULL") == ["10"])
            try await #expect(
                stage.owner.value(
                    "SELECT champion_sum_nano FROM affine.contest_environment WHERE environment = 1") == "4500000000")
        }
    }

    @Test("when no spare task is left, what cannot be graded stays and counts as the lowest score")
    func exhausted() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", attempts: 1)
            try await stage.play(miners) { job in
                job.environment == "abd" && job.miner == "a" && [3, 5, 10].contains(job.position)
                    ? .ungradable : .scored(500)
            }
            // Task 3 made room for task 10, which cannot be graded either; nothing is left to replace 5 and 10.
            try await #expect(tasks(stage, "struck_reason IS NOT NULL") == ["3"])
            try await #expect(tasks(stage, "slate_position IS NOT NULL").count == 10)
            try await #expect(
                stage.owner.value(
                    "SELECT champion_sum_nano FROM affine.contest_environment WHERE environment = 1") == "4000000000")
        }
    }

    @Test("which tasks are struck does not depend on the order in which results arrive", arguments: [[3, 5], [5, 3]])
    func order(positions: [Int32]) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("a", attempts: 1)
            try await stage.arena.advance()
            let crew = try await stage.crew(miners)
            let leases = try await crew.worker.claim(crew.deployments[0].deployment, ["abd"], runs: 100)
            // More tasks cannot be graded than there are spare ones.
            for lease in positions.flatMap({ position in leases.filter { $0.positions == [position] } }) {
                _ = try await crew.worker.settle([lease], .ungradable)
                try await stage.arena.advance()
            }
            _ = try await crew.worker.settle(leases.filter { !positions.contains($0.positions[0]) }, .scored(500))
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(tasks(stage, "struck_reason IS NOT NULL") == ["3"])
        }
    }

    @Test(
        "a frozen slate refuses changes, whoever asks",
        arguments: [
            "UPDATE affine.window_task SET slate_position = NULL WHERE ordinal = 0",
            "UPDATE affine.window_task SET struck_reason = 'x', struck_evidence = 'y', slate_position = NULL",
            "DELETE FROM affine.window_task",
            "INSERT INTO affine.window_task (window_id, environment, ordinal, task_id) VALUES (1, 1, 99, 5000)",
            "UPDATE affine.evaluation_environment SET task_ids = task_ids || 1::bigint",
            "UPDATE affine.evaluation_environment SET planned = planned - 1",
            "UPDATE affine.window_environment SET margin_nano = 0",
            "DELETE FROM affine.window_environment",
        ])
    func frozen(sql: String) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("a")
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(stage.owner.value("SELECT state FROM affine.task_window") == "open")
            await #expect(stage.owner.refusal(sql)?.sqlState == "AF001")
        }
    }
}
