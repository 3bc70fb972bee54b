import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// What a hot statement reads depends on the jobs it is for, not on the backlog or the history.
@Suite(.migratedDatabase, .timeLimit(.minutes(10))) struct PlanTests {
    /// 100,000 runs are ready, and a million attempts were made in this window and the one before.
    private func scene(_ body: (Stage, FakeWorker, Int64) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab")
            try await stage.plan(miners[1], jobs: 100_000)
            try await stage.owner.withSession { session in
                try session.execute(
                    """
                    SET statement_timeout = 0; SELECT affine.open_attempt_partition(2);
                    INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
                                                lease, duration_ms)
                    SELECT 1 + n % 2, -1 - n / 3600, 1, n % 3600, 1, true, 'scored', 0, gen_random_uuid(), 0
                    FROM generate_series(0, 999999) AS n;
                    ANALYZE
                    """)
                session.discard()
            }
            let worker = try await FakeWorker.registered(on: stage, ttl: 600_000)
            try await body(stage, worker, try await worker.serve(miners[1]))
        }
    }

    /// Plans in both modes: a driver that always prepares ends up with the generic one.
    @Test("claim, settle, release, rescue and heartbeat read what they are for, in both plan modes")
    func hot() async throws {
        try await scene { stage, worker, deployment in
            for mode in ["force_generic_plan", "force_custom_plan"] {
                try await stage.owner.execute(
                    """
                    DO $$ DECLARE name regprocedure; BEGIN
                        FOR name IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'affine'::regnamespace
                            AND proname IN ('claim', 'settle', 'settle_one_by_one', 'release', 'requeue', 'rescue', 'heartbeat')
                        LOOP EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = \(mode)', name); END LOOP;
                    END $$
                    """)
                for call in calls(worker.id.uuidString, deployment) {
                    try await check(call, mode)
                    try await stage.owner.execute("DELETE FROM affine.lease")
                }
            }
        }
    }

    private struct Call {
        var name: String
        var jobs: Int
        var sql: String
        /// Small tables that a coordinator's duty may read as a whole.
        var scannable: Set<String> = []
    }

    private func calls(_ worker: String, _ deployment: Int64) -> [Call] {
        let claim = "SELECT affine.claim('\(worker)', ARRAY[\(deployment)], NULL, 100, 0)"
        let held = """
            FROM (SELECT l.id, l.evaluation, l.environment, p FROM affine.lease l, affine.each_position(l.positions) AS p
                  WHERE l.worker = '\(worker)' ORDER BY l.claimed_at DESC, p LIMIT 100) AS held
            """
        func settle(_ outcome: String) -> String {
            let score = outcome == "scored" ? "1" : "NULL::bigint"
            let code = outcome == "scored" ? "NULL::text" : "'engine_away'::text"
            return """
                CREATE TEMP TABLE report AS SELECT array_agg(DISTINCT id) AS leases, array_agg(id) AS ids,
                    array_agg(evaluation) AS evaluations, array_agg(environment) AS environments, array_agg(p) AS positions,
                    array_agg('\(outcome)'::text) AS outcomes, array_agg(\(score)) AS scores, array_agg(\(code)) AS codes,
                    array_agg(NULL::text) AS texts, array_agg(5) AS numbers \(held);
                SELECT count(s) FROM report r, affine.settle('\(worker)', r.leases, r.ids, r.evaluations, r.environments, r.positions,
                    r.outcomes, r.scores, r.codes, r.texts, r.texts, r.numbers, r.numbers, r.numbers) AS s;
                DROP TABLE report
                """
        }
        return [
            Call(name: "claim", jobs: 100, sql: claim),
            Call(
                name: "claim above a floor", jobs: 100, sql: claim.replacing(", 0)", with: ", 50000 * 1048576::bigint)")
            ),
            Call(name: "settle", jobs: 100, sql: claim + ";" + settle("scored"), scannable: ["report"]),
            Call(name: "settle faults", jobs: 100, sql: claim + ";" + settle("infra_fault"), scannable: ["report"]),
            Call(
                name: "release", jobs: 100,
                sql: claim + "; SELECT affine.release('\(worker)', array_agg(id), array_agg(p)) \(held)"),
            Call(name: "heartbeat", jobs: 1, sql: "SELECT affine.heartbeat('\(worker)')", scannable: ["worker"]),
            Call(
                name: "rescue", jobs: 100,
                sql: claim + "; UPDATE affine.lease SET expires_at = '2000-01-01'; SELECT affine.rescue()",
                scannable: ["lease", "worker", "deployment"]),
            Call(name: "backup", jobs: 100, sql: claim + "; SELECT affine.back_up()", scannable: ["lease", "worker"]),
        ]
    }

    private func check(_ call: Call, _ mode: String) async throws {
        let plans = try await PlanLog.of([call.sql])
        #expect(plans.count > 1, "\(call.name): plans within functions were not seen")
        for (text, plan) in plans where text != call.sql && !text.hasPrefix("CREATE TEMP") {
            let faults = plan.faults(jobs: call.jobs, scannable: call.scannable)
            #expect(faults.isEmpty, "\(mode), \(call.name): \(text)")
        }
    }

    @Test("planning an evaluation reads neither backlog nor history")
    func enqueue() async throws {
        try await scene { stage, _, _ in
            try await stage.owner.execute(
                """
                INSERT INTO affine.evaluation (window_id, hotkey, model, revision, round, deadline_at)
                SELECT 1, hotkey, 'other/model', revision, 99, now() FROM affine.evaluation ORDER BY id DESC LIMIT 1;
                INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
                SELECT max(e.id), 1, ARRAY(SELECT generate_series(1, 3600)), 3600 FROM affine.evaluation e
                """)
            let call = Call(
                name: "enqueue", jobs: 3_600, sql: "SELECT affine.enqueue(max(id)) FROM affine.evaluation",
                scannable: ["evaluation", "evaluation_environment", "window_environment"])
            try await check(call, "as shipped")
        }
    }

    @Test("the check finds what it is there for")
    func control() async throws {
        try await scene { stage, _, _ in
            func faults(_ sql: String) async throws -> [String] {
                try await PlanLog.of([sql]).flatMap { $0.plan.faults(jobs: 100) }
            }
            try await #expect(
                faults("SELECT FROM affine.ready ORDER BY from_position DESC LIMIT 1")
                    == ["scan of all of ready"])
            try await #expect(
                faults(
                    "SET enable_seqscan = off; SELECT FROM affine.ready ORDER BY from_position DESC OFFSET 500 LIMIT 1"
                )
                .contains { $0.hasSuffix("rows sorted") })
            try await #expect(
                faults("SELECT count(*) FROM affine.ready WHERE evaluation > 0 AND pass % 7 = 0").isEmpty == false)
        }
    }
}
