import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite("Errors and costs of a window", .migratedDatabase) struct WindowReportTests {
    @Test("an error points to the task, the worker, the model or what serves it, by how many of each it was seen on")
    func pointing() async throws {
        try await Stage.with { stage in
            _ = try await stage.prepare("ab")
            try await stage.arena.advance()
            try await stage.owner.execute(
                """
                CREATE TABLE public.seen (environment text, outcome affine.outcome, code text, workers int[], tasks bigint[]);
                INSERT INTO public.seen VALUES
                    ('abd', 'environment_fault', 'one_task', '{1,2}', '{7}'),
                    ('abd', 'infra_fault', 'one_worker', '{1}', '{1,2}'),
                    ('abd', 'infra_fault', 'many_of_both', '{1,2}', '{1,2,3}'),
                    ('abd', 'infra_fault', 'once', '{1}', '{1}'),
                    ('abd', 'model_fault', 'bad_answer', '{1,2}', '{1,2}'),
                    ('ded', 'infra_fault', 'no_other_worker', '{1}', '{1,2}');
                INSERT INTO affine.attempt_sum
                SELECT 1, 0, n.id, ('00000000-0000-0000-0000-00000000000' || w)::uuid, s.outcome, s.code, 5, 2, 0, 0, 0,
                       '2026-01-01', '2026-01-01'
                FROM public.seen s JOIN affine.environment n ON n.name = s.environment, unnest(s.workers) AS w;
                INSERT INTO affine.error_task
                SELECT 1, n.id, s.outcome, s.code, t FROM public.seen s JOIN affine.environment n ON n.name = s.environment,
                       unnest(s.tasks) AS t
                """)
            let errors = try await Reports(database: stage.coordinator).errors()
            let told = errors.map { row in
                ["error_code", "tries", "jobs", "tasks", "workers", "points_to"].map { key in
                    row[key]?.stringValue ?? row[key]?.integerValue.map(String.init) ?? "-"
                }.joined(separator: " ")
            }
            #expect(
                told == [
                    "bad_answer 10 4 2 2 the model",
                    "many_of_both 10 4 3 2 what serves the model, or the environment",
                    "one_task 10 4 1 2 the task",
                    "no_other_worker 5 2 2 1 -",
                    "once 5 2 1 1 -",
                    "one_worker 5 2 2 1 the worker",
                ])
            try await #expect(Reports(database: stage.coordinator).errors(in: WindowID(rawValue: 2)).isEmpty)
        }
    }

    @Test(
        "an evaluation costs its attempts' share of the workers that ran them, and what a verdict did not need is saved"
    )
    func costs() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc", count: 40)
            try await stage.play(miners) { job in
                job.lease.attempt == 1 && job.task % 4 == 0
                    ? .infraFault : .scored(job.miner == "a" ? 500 : 100, tokens: 7)
            }
            let reports = Reports(database: stage.coordinator)
            let unpriced = try await reports.costs()
            #expect(unpriced.allSatisfy { $0["money"] == .null })
            // Milliseconds of these workers, who run 8 attempts at once, times 10^-6.
            try await stage.owner.execute("UPDATE affine.worker SET hourly_price = 28.8")
            let rows = try await reports.costs()
            #expect(rows.map { $0["side"]?.stringValue } == ["champion", "challenger", "challenger"])
            let champion = try #require(rows.first)
            #expect(champion["contest"] == .null && champion["jobs_saved"]?.integerValue == 0)
            #expect(champion["scored"]?.integerValue == 80)
            for row in rows {
                let evaluation = try #require(row["evaluation"]?.integerValue)
                let direct = try await stage.owner.column(
                    """
                    SELECT unnest(ARRAY[count(*), count(*) FILTER (WHERE final), sum(completion_tokens),
                                        round(sum(duration_ms) / 1e6, 4)]) FROM affine.attempt WHERE evaluation = \(evaluation)
                    """
                ).compactMap(Double.init)
                let jobs = direct[1]
                #expect(row["tries"]?.doubleValue == direct[0] && row["completion_tokens"]?.doubleValue == direct[2])
                #expect(abs((row["retries_share"]?.doubleValue ?? -1) - (direct[0] - jobs) / direct[0]) <= 1e-4)
                #expect(abs((row["money"]?.doubleValue ?? -1) - direct[3]) <= 1e-4 && direct[3] > 0)
                guard row != champion else { continue }
                let saved = try #require(row["jobs_saved"]?.doubleValue)
                #expect(saved > 0 && saved == 80 - jobs)
                #expect(try #require(row["money_saved"]?.doubleValue) > 0)
            }
        }
    }

    @Test("a worker costs what it was there for while the window was open, whatever it did")
    func workers() async throws {
        try await Stage.with { stage in
            _ = try await stage.prepare("ab")
            try await stage.arena.advance()
            let register = "SELECT affine.register_worker('00000000-0000-0000-0000-00000000000"
            try await stage.workers.execute("\(register)1', 'priced', 'b300', 8, 60000, 12.5)")
            // As a worker of a version that knows no price.
            try await stage.workers.execute("\(register)2', 'unpriced', 'b300', 8, 60000)")
            try await stage.owner.execute(
                """
                UPDATE affine.task_window SET opened_at = '2026-01-01 00:00Z';
                UPDATE affine.worker SET started_at = '2025-12-31 23:00Z', seen_at = '2026-01-01 02:00Z';
                UPDATE affine.worker SET stopped_at = '2026-01-01 01:30Z' WHERE name = 'unpriced'
                """)
            let told = try await Reports(database: stage.coordinator).workerCosts().map { row in
                [
                    row["name"]?.stringValue ?? "", "\(row["hours"]?.doubleValue ?? -1)",
                    "\(row["money"]?.doubleValue ?? -1)",
                ]
            }
            #expect(told == [["priced", "2.0", "25.0"], ["unpriced", "1.5", "-1.0"]])
        }
    }
}
