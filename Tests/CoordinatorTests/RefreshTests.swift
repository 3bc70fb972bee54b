import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite(.migratedDatabase) struct RefreshTests {
    @Test("after refresh_blocks the pool is drawn anew and the champion sampled on it; the old window is closed")
    func redrawn() async throws {
        try await Stage.with({ $0.refreshBlocks = 50 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 500) }
            try await stage.observe(149)
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(stage.events("window.opened") == 1)

            try await stage.observe(150)
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(
                stage.owner.column(
                    "SELECT concat_ws(' ', id, opened_block, state) FROM affine.task_window ORDER BY id")
                    == ["1 100 closed", "2 150 open"])
            try await #expect(
                stage.owner.column(
                    "SELECT right(hotkey, 1) || ' ' || state FROM affine.evaluation WHERE window_id = 2") == [
                        "b complete"
                    ])
            try await #expect(
                stage.owner.value(
                    """
                    SELECT array_agg(task_id ORDER BY environment, ordinal) FILTER (WHERE window_id = 1)
                        <> array_agg(task_id ORDER BY environment, ordinal) FILTER (WHERE window_id = 2)
                    FROM affine.window_task
                    """) == "true")
        }
    }

    @Test("evaluations of the closed window are ended, and reports of them refused")
    func ended() async throws {
        try await Stage.with({ $0.refreshBlocks = 50 }) { stage in
            let miners = try await stage.prepare("a")
            try await stage.arena.advance()
            let crew = try await stage.crew(miners)
            let leases = try await crew.worker.claim(crew.deployments[0].deployment, runs: 5)
            try await stage.observe(150)
            try await stage.arena.advance()
            try await #expect(
                stage.owner.column("SELECT window_id || ' ' || state FROM affine.evaluation ORDER BY id")
                    == ["1 cancelled", "2 running"])
            try await #expect(crew.worker.settle(leases, .scored(1)) == [String](repeating: "superseded", count: 5))
            try await #expect(stage.queue() == "20 ready, 0 leased")
        }
    }

    @Test("while a contest runs the window stays, however old; then it is drawn anew")
    func running() async throws {
        try await Stage.with({ $0.refreshBlocks = 50 }) { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await #expect(stage.verdicts() == ["null"])
            try await stage.observe(1_000)
            try await stage.arena.advance()
            try await #expect(stage.events("window.opened") == 1)
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(
                stage.owner.column("SELECT window_id || ' ' || verdict FROM affine.contest ORDER BY id")
                    == ["1 champion_keeps", "2 champion_keeps"])
        }
    }

    @Test("a changed environment acts on the next window only")
    func configuration() async throws {
        try await Stage.with({ $0.refreshBlocks = 50 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await stage.define(.test("abd", count: 3), .test("ded", count: 4))
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(
                stage.owner.column("SELECT DISTINCT tasks FROM affine.contest_environment") == ["10"])
            try await stage.observe(150)
            try await stage.arena.advance()
            try await #expect(
                stage.owner.column(
                    "SELECT planned FROM affine.evaluation_environment ee JOIN affine.evaluation e ON e.id = evaluation WHERE window_id = 2 ORDER BY environment"
                ) == ["3", "4"])
            try await #expect(
                stage.owner.value("SELECT count(DISTINCT rule_digest) FROM affine.task_window") == "2")
        }
    }
}
