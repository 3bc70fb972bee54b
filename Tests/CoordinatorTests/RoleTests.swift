import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// A role can do what its part needs, and nothing else.
@Suite(.migratedDatabase) struct RoleTests {
    @Test("a worker can execute exactly the worker functions")
    func workerFunctions() async throws {
        try await Stage.with { stage in
            try await #expect(
                stage.owner.column(
                    """
                    SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname IN ('affine', 'ops') AND has_function_privilege('affine_worker', p.oid, 'EXECUTE')
                    ORDER BY 1
                    """)
                    == [
                        "claim", "claim_fingerprint", "describe_evaluation", "heartbeat", "keep_transcripts",
                        "open_work", "place",
                        "placed_models", "queue_version", "record_load", "register_deployment",
                        "register_worker",
                        "release", "report_fingerprint",
                        "settle", "settle_and_claim", "stop_worker",
                    ])
        }
    }

    @Test("every function that runs with its owner's rights fixes its search path, and the owner is no superuser")
    func definers() async throws {
        try await Stage.with { stage in
            try await #expect(
                stage.owner.column(
                    """
                    SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'affine' AND p.prosecdef
                    AND (p.proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)
                         OR p.proowner <> 'affine_owner'::regrole)
                    """) == [])
            try await #expect(
                stage.owner.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'affine_owner'") == "false")
        }
    }

    @Test(
        "a function that is not a role's own is refused when it tries",
        arguments: [
            ("affine_worker", "SELECT affine.rescue()"),
            ("affine_worker", "SELECT affine.requeue('{}', false, 'x')"),
            ("affine_dashboard", "SELECT affine.revoke_ended()"),
            ("affine_coordinator", "SELECT affine.detach_window(1, 0, 0, '', '')"),
        ])
    func refused(role: String, sql: String) async throws {
        let pool = try Stage.pool(as: role)
        let error = await pool.refusal(sql)
        await pool.close()
        #expect(error?.sqlState == "42501")
    }

    @Test("a dashboard reads every view")
    func dashboard() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { job in
                job.lease.attempt == 1 && job.task % 2 == 0 ? .infraFault : .scored(job.miner == "a" ? 500 : 100)
            }
            try await stage.admit("c", from: 50)
            try await stage.see(101, [], [Reveal(hotkey: ChainMiner(1).hotkey, block: 101, payload: "{}")])
            let worker = try await FakeWorker.registered(on: stage)
            for call in [
                "place('\(worker.id)', 'h', 'models/a', 'r')",
                "record_load('\(worker.id)', 'h', 'models/a', 'r', true, 1, '')",
            ] {
                try await stage.workers.execute("SELECT affine.\(call)")
            }
            try await WeightEmissions(database: stage.coordinator, settings: EmissionSettings()).plan()
            try await stage.arena.advance()
            try await stage.admit("d", from: 60)
            try await stage.owner.execute(
                "INSERT INTO affine.window_archive VALUES (1, clock_timestamp(), 1, 40, sha256(''), sha256(''))")
            try await stage.owner.execute(
                """
                INSERT INTO affine.copy_check (evaluation, hotkey, model, revision, deadline_at)
                SELECT id, hotkey, model, revision, deadline_at FROM affine.evaluation LIMIT 1
                """)
            let pool = try Stage.pool(as: "affine_dashboard")
            for view in try await stage.owner.column("SELECT viewname FROM pg_views WHERE schemaname = 'ops'") {
                #expect(Int(try await pool.value("SELECT count(v::text) FROM ops.\(view) v")) ?? 0 > 0, "ops.\(view)")
            }
            await pool.close()
        }
    }
}
