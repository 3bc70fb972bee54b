import Coordinator
import Domain
import HTTPClient
import Postgres
import TestSupport
import Testing

@Suite("Sums of evaluations that ended", .migratedDatabase, .timeLimit(.minutes(5))) struct EvaluationSumTests {
    private static let progress =
        "SELECT concat_ws(' ', p.*) FROM ops.evaluation_progress p ORDER BY evaluation, environment"
    private static let residuals = """
        SELECT concat_ws(' ', window_id, worker, jobs, round(mean_residual::numeric, 6), round(z::numeric, 6), is_outlier)
        FROM ops.worker_residuals ORDER BY worker
        """

    private static let taken = [
        """
        SELECT concat_ws(' ', evaluation, side, contest, environment, tries, jobs, scored, prompt_tokens, completion_tokens,
                         round(worker_hours::numeric, 9), jobs_saved) FROM ops.cost ORDER BY evaluation, environment
        """,
        "SELECT concat_ws(' ', e.*) FROM ops.error e ORDER BY outcome, environment",
        "SELECT concat_ws(' ', worker, round(used_hours::numeric, 9)) FROM ops.worker_cost ORDER BY worker",
    ]

    private static func answer(_ job: Job) -> Answer {
        job.task % 7 == 0 ? .modelFault : .scored((job.task &* 7_919) % 500 + (job.miner == "a" ? 200 : 100))
    }

    /// A contest is over and another one runs, with results of two workers.
    private func play(_ stage: Stage) async throws {
        let miners = try await stage.prepare("abc", count: 20)
        let crews = [try await stage.crew(miners), try await stage.crew(miners)]
        while try await stage.owner.value("SELECT count(*) FROM affine.contest") != "2" {
            try await stage.arena.advance()
            for crew in crews { _ = try await crew.work(runs: 1, Self.answer) }
        }
        for crew in crews {
            _ = try await crew.work(runs: 1, Self.answer)
            _ = try await crew.worker.heartbeat()
        }
    }

    @Test("tell dashboards what the history told them")
    func same() async throws {
        try await Stage.with { stage in
            try await play(stage)
            let before = (try await stage.owner.column(Self.progress), try await stage.owner.column(Self.residuals))
            #expect(before.0.count == 6 && before.1.count == 2)
            var taken: [[String]] = []
            for query in Self.taken { taken.append(try await stage.owner.column(query)) }
            #expect(taken.allSatisfy { !$0.isEmpty })
            for summed in ["1", "2", "null"] {
                try await #expect(stage.coordinator.value("SELECT affine.sum_ended()") == summed)
            }
            try await #expect(
                stage.owner.column("SELECT DISTINCT evaluation FROM affine.worker_residual ORDER BY 1")
                    == stage.owner.column("SELECT id FROM affine.evaluation WHERE state <> 'running' ORDER BY 1"))
            try await #expect(stage.owner.column(Self.progress) == before.0)
            try await #expect(stage.owner.column(Self.residuals) == before.1)
            _ = try await stage.owner.value("SELECT affine.sum_attempts(clock_timestamp())")
            for (query, before) in zip(Self.taken, taken) {
                let after = try await stage.owner.column(query)
                #expect(after == before, "\(query): \(before) \(after)")
            }
        }
    }

    @Test("are made by every coordinator, as those of attempts by the minute are")
    func duty() async throws {
        try await Stage.with { stage in
            try await play(stage)
            let http = HTTPClient()
            let service = CoordinatorService(
                database: stage.coordinator, settings: stage.settings, http: http, logger: FreshDatabase.logger)
            try await withThrowingTaskGroup { group in
                group.addTask { try await service.run() }
                try await eventually("both were summed") {
                    try await stage.owner.value(
                        """
                        SELECT (SELECT until > '-infinity' FROM affine.attempt_watermark)
                               AND NOT EXISTS (SELECT FROM affine.evaluation WHERE state <> 'running' AND NOT is_summed)
                        """) == "true"
                }
                group.cancelAll()
            }
            await http.close()
        }
    }
}
