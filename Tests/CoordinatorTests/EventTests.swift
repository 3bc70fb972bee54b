import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite(.migratedDatabase) struct EventTests {
    /// Links that are not what they should be: a gap, another predecessor, a digest that its row does not have.
    private func broken(_ stage: Stage) async throws -> [String] {
        try await stage.owner.column(
            """
            SELECT id FROM (
                SELECT e.id, e.digest = affine.event_digest(e) AS own,
                       e.previous_digest = lag(e.digest, 1, sha256('affine/events/1')) OVER (ORDER BY e.id) AS linked,
                       e.id = row_number() OVER (ORDER BY e.id) AS gapless
                FROM affine.event e) AS link
            WHERE NOT (own AND linked AND gapless)
            """)
    }

    @Test("each event hashes the one before it, from the first to the head")
    func chain() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 500) }
            try await #expect(broken(stage) == [])
            try await #expect(
                stage.owner.column(
                    "SELECT DISTINCT kind FROM affine.event ORDER BY kind")
                    == [
                        "chain.block_observed", "contest.decided", "contest.opened", "environment.defined",
                        "miner.admitted", "miner.crowned",
                        "window.baseline_complete", "window.opened",
                    ])
            try await #expect(
                stage.owner.value(
                    "SELECT h.digest = e.digest FROM affine.event_head h JOIN affine.event e USING (id)") == "true")
        }
    }

    @Test(
        "no column of an event can change unseen",
        arguments: [
            "actor = 'x'", "kind = 'x.y'", "subject = 'x'", "reason = 'x'", "detail = '{\"x\":1}'",
            "at = at + interval '1 microsecond'",
        ])
    func tampering(change: String) async throws {
        try await Stage.with { stage in
            try await stage.admit("abc")
            try await stage.owner.execute(
                """
                ALTER TABLE affine.event DISABLE TRIGGER USER;
                UPDATE affine.event SET \(change) WHERE id = 2;
                ALTER TABLE affine.event ENABLE TRIGGER USER
                """)
            try await #expect(broken(stage) == ["2"])
        }
    }

    @Test("writers at the same time leave no gap and no fork, and a rolled back event leaves no trace")
    func writers() async throws {
        try await Stage.with { stage in
            try await withThrowingTaskGroup { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<20 {
                            let end = number % 5 == 4 ? "ROLLBACK" : "COMMIT"
                            try await stage.coordinator.execute(
                                """
                                BEGIN;
                                INSERT INTO affine.event (actor, kind) VALUES ('writer \(writer)', 'test.written');
                                \(end)
                                """)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await #expect(stage.events("test.written") == 64)
            try await #expect(broken(stage) == [])
        }
    }
}
