import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite("Sums of attempts for dashboards", .migratedDatabase) struct AttemptMinuteTests {
    private static let kinds = """
        concat_ws(' ', evaluation, environment, outcome, error_code, sum(tries), sum(jobs), sum(retried), sum(seconds),
                  sum(prompt_tokens), sum(completion_tokens))
        """
    private static let error = "concat_ws(' ', s.environment, outcome, error_code"
    private static let direct = """
        SELECT a.evaluation, a.position, n.name AS environment, a.outcome::text AS outcome, a.error_code, 1 AS tries, a.final::int AS jobs,
               (a.final AND a.attempt > 1)::int AS retried, a.duration_ms / 1000.0 AS seconds,
               COALESCE(a.prompt_tokens, 0) AS prompt_tokens, COALESCE(a.completion_tokens, 0) AS completion_tokens
        FROM affine.attempt a JOIN affine.environment n ON n.id = a.environment
        """

    private static func answer(_ job: Job) -> Answer {
        switch job.task % 4 {
        case 0: return .modelFault
        case 1: return job.lease.attempt == 1 ? .infraFault : .scored(500)
        default: return .scored(job.miner == "a" ? 700 : 600)
        }
    }

    private func sums(_ stage: Stage, of source: String) async throws -> [String] {
        try await stage.owner.column(
            """
            SELECT \(Self.kinds) FROM (\(source)) AS s GROUP BY evaluation, environment, outcome, error_code
            ORDER BY evaluation, environment, outcome, error_code
            """)
    }

    @Test("are those of the history, wherever the summing has got to")
    func everywhere() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(Array(miners.prefix(2)), Self.answer)
            let expected = try await sums(stage, of: Self.direct)
            #expect(expected.count > 6)
            let errors = try await stage.owner.column(
                """
                SELECT \(Self.error), count(DISTINCT task_ids[position + 1])) FROM (\(Self.direct)) AS s
                JOIN affine.evaluation_environment e USING (evaluation) JOIN affine.environment n ON n.id = e.environment
                WHERE n.name = s.environment AND error_code IS NOT NULL
                GROUP BY s.environment, outcome, error_code ORDER BY 1
                """)
            #expect(errors.count > 2)
            // From before the first attempt to after the last.
            let moments = try await stage.owner.column(
                """
                SELECT to_char(percentile_disc(f) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at)), '9999999999D999999')
                FROM affine.attempt, unnest(ARRAY[0, 0.2, 0.5, 0.9]) AS f GROUP BY f ORDER BY f
                """)
            for moment in moments + ["extract(epoch FROM clock_timestamp())"] {
                let made = try await stage.coordinator.value("SELECT affine.sum_attempts(to_timestamp(\(moment)))")
                try await #expect(sums(stage, of: "SELECT * FROM ops.attempt_minute") == expected, "\(moment): \(made)")
                try await #expect(
                    stage.owner.column("SELECT \(Self.error), tasks) FROM ops.error s ORDER BY 1") == errors,
                    "\(moment)")
                // A second coordinator with the same idea adds nothing.
                let again = try await stage.coordinator.value("SELECT affine.sum_attempts(to_timestamp(\(moments[0])))")
                #expect(again == "0")
            }
            try await #expect(
                stage.owner.value(
                    "SELECT (sum(tries) = (SELECT count(*) FROM affine.attempt))::text FROM affine.attempt_minute")
                    == "true")
        }
    }

    @Test("open jobs are those that are listed one by one")
    func open() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            _ = try await crew.work(runs: 2) { $0.task % 2 == 0 ? .infraFault : .scored(400) }
            let worker = try await FakeWorker.registered(on: stage)
            _ = try await worker.claimTogether(try await worker.serve(miners[1]), runs: 1)
            let columns = "concat_ws(' ', evaluation, environment, state"
            let summed = try await stage.owner.column(
                "SELECT \(columns), jobs) FROM ops.open_job ORDER BY evaluation, environment, state")
            #expect(summed.contains { $0.contains("ready") } && summed.contains { $0.contains("leased") })
            try await #expect(
                summed
                    == stage.owner.column(
                        """
                        SELECT \(columns), count(*)) FROM ops.job WHERE state IN ('ready', 'leased')
                        GROUP BY evaluation, environment, state ORDER BY evaluation, environment, state
                        """))
        }
    }
}
