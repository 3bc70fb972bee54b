import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

/// Slates of thousands of tasks in a database that autovacuum has not come to yet. Taken for joins of single rows, joins over them
/// last for minutes; a statement is given 30 s.
@Suite(.migratedDatabase, .timeLimit(.minutes(10))) struct LargeSlateTests {
    private static func answer(_ job: Job) -> Answer {
        switch (job.miner, job.task % 10) {
        case ("a", 0): .ungradable
        case (_, 1): .modelFault
        default: .scored(job.task % 900)
        }
    }

    @Test("a contest over thousands of tasks is opened, decided, summed and reported on before autovacuum comes by")
    func contest() async throws {
        try await Stage.with({ $0.curtail = false }) { stage in
            try await stage.define(.test("abd", count: 4_000, tasks: 8_000))
            try await stage.observe(100)
            try await stage.play(try await stage.admit("ab"), runs: 500, Self.answer)
            try await #expect(stage.verdicts() == ["champion_keeps"])
            for evaluation in ["1", "2"] {
                try await #expect(stage.coordinator.value("SELECT affine.sum_ended()") == evaluation)
            }
            let views = try await stage.owner.column("SELECT viewname FROM pg_views WHERE schemaname = 'ops'")
            for view in views { _ = try await stage.coordinator.value("SELECT count(v) FROM ops.\(view) AS v") }
            for contest in try await stage.contests() {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            }
        }
    }
}
