import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// What keeps the database from carrying the queue is named, with what to do about it.
@Suite(.migratedDatabase) struct HealthTests {
    private func findings(_ database: Database, _ check: String) async throws -> [HealthFinding] {
        try await Reports(database: database).databaseHealth().filter { $0.check == check }
    }

    private func finding(_ database: Database, _ check: String) async throws -> HealthFinding {
        try #require(try await findings(database, check).first)
    }

    /// Ten runs of one evaluation, a worker, and its deployment.
    private func scene(_ body: (Stage, FakeWorker, Int64) async throws -> Void) async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd", count: 10))
            try await stage.observe(100)
            let miners = try await stage.admit("a")
            try await stage.arena.advance()
            let worker = try await FakeWorker.registered(on: stage)
            try await body(stage, worker, try await worker.serve(miners[0]))
        }
    }

    @Test("whoever holds the oldest snapshot is named, also to a dashboard, but not what it runs")
    func snapshot() async throws {
        let dashboard = try Stage.pool(as: "affine_dashboard")
        try await Stage.with { stage in
            try await OtherSession.holding("SELECT 'nobody may read this'", as: "forgotten psql") { _ in
                let pid = try await stage.owner.value(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'forgotten psql'")
                let all = try await Reports(database: dashboard).databaseHealth()
                let oldest = try #require(all.first { $0.check == "oldest_snapshot" })
                #expect(oldest.subject == "session \(pid)")
                #expect(oldest.unit == "s" && oldest.level == .ok)
                #expect(oldest.detail.contains("application forgotten psql, idle in transaction"))
                #expect(all.allSatisfy { !$0.detail.contains("nobody may read this") })

                let late = "affine.snapshot_findings(0) WHERE subject = 'session \(pid)'"
                try await #expect(stage.owner.value("SELECT level FROM \(late)") == "wrong")
                try await #expect(
                    stage.owner.value("SELECT detail FROM \(late)")
                        .hasSuffix("vacuum keeps every row that died since: SELECT pg_terminate_backend(\(pid))"))
            }
            try await #expect(finding(dashboard, "oldest_snapshot").detail.contains("forgotten") == false)
        }
        await dashboard.close()
    }

    @Test("a prepared transaction that nobody ended is named with the command that ends it")
    func prepared() async throws {
        try await Stage.with { stage in
            // A server that somebody named for the tests may allow none; then there is nothing to find.
            guard try await stage.owner.value("SELECT current_setting('max_prepared_transactions')").asNumber > 0 else {
                return
            }
            let name = "left behind in \(try await stage.owner.value("SELECT current_database()"))"
            try await stage.owner.execute("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION '\(name)'")
            try await #expect(finding(stage.coordinator, "oldest_snapshot").subject == "prepared transaction \(name)")
            try await #expect(
                stage.owner.value("SELECT detail FROM affine.snapshot_findings(0)")
                    .hasSuffix("ROLLBACK PREPARED '\(name)'"))
            try await stage.owner.execute("ROLLBACK PREPARED '\(name)'")
        }
    }

    @Test("a session that waits for a lock is named with the one that holds it")
    func blocked() async throws {
        try await scene { stage, _, _ in
            try await #expect(finding(stage.coordinator, "blocked_session").level == .ok)
            try await withThrowingTaskGroup { group in
                try await OtherSession.holding("LOCK TABLE affine.miner", as: "locker") { _ in
                    group.addTask { _ = try await stage.coordinator.column("SELECT 1 FROM affine.miner") }
                    while try await stage.waitingForLocks() == 0 { await Task.yield() }
                    let detail = try await stage.owner.value(
                        "SELECT detail FROM affine.session_findings(0) WHERE check_name = 'blocked_session'")
                    #expect(detail.contains("waits for a relation lock held by session"))
                    #expect(detail.contains("locker, idle in transaction"))
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("leases past their end, and those of silent workers, are counted, and wrong once nobody brought them back")
    func overdue() async throws {
        try await scene { stage, worker, deployment in
            _ = try await worker.claim(deployment, runs: 3)
            try await #expect(finding(stage.coordinator, "overdue_leases").value == 0)
            try await stage.owner.execute(
                "UPDATE affine.lease SET expires_at = clock_timestamp() - interval '1 hour' WHERE pass = (SELECT min(pass) FROM affine.lease)"
            )
            var leases = try await finding(stage.coordinator, "overdue_leases")
            #expect(leases.value == 1 && leases.level == .wrong)
            try await #expect(finding(stage.coordinator, "silent_workers").value == 0)
            try await stage.owner.execute("UPDATE affine.worker SET seen_at = '2000-01-01'")
            let silent = try await finding(stage.coordinator, "silent_workers")
            #expect(silent.value == 1 && silent.level == .wrong)
            _ = try await stage.coordinator.value("SELECT affine.rescue()")
            leases = try await finding(stage.coordinator, "overdue_leases")
            #expect(leases.value == 0 && leases.level == .ok)
            try await #expect(finding(stage.coordinator, "silent_workers").level == .ok)
        }
    }

    @Test("how far the oldest ready run lies behind the newest leased one is told in runs")
    func floorLag() async throws {
        try await scene { stage, worker, deployment in
            try await #expect(finding(stage.coordinator, "floor_lag").subject == "queue")
            _ = try await worker.claim(deployment, runs: 2)
            for (runs, level) in [(3, HealthFinding.Level.ok), (2000, .advice)] {
                try await stage.owner.execute(
                    """
                    UPDATE affine.lease SET pass = (SELECT min(pass) FROM affine.ready) + \(runs) * 1048576::bigint
                    WHERE id = (SELECT id FROM affine.lease ORDER BY id LIMIT 1)
                    """)
                let lag = try await finding(stage.coordinator, "floor_lag")
                #expect(lag.value == Double(runs) && lag.unit == "runs" && lag.level == level)
                #expect(lag.subject?.hasPrefix("evaluation ") == true)
            }
        }
    }

    @Test("the oldest running evaluation with ready runs tells how long they wait, and why")
    func readyAge() async throws {
        try await scene { stage, _, _ in
            try await stage.owner.execute(
                "UPDATE affine.evaluation SET created_at = clock_timestamp() - interval '1 hour'")
            var age = try await finding(stage.coordinator, "oldest_ready_age")
            #expect((3600..<3700).contains(age.value ?? 0))
            #expect(age.level == .ok)
            try await stage.owner.execute("UPDATE affine.evaluation SET deadline_at = '2000-01-01'")
            age = try await finding(stage.coordinator, "oldest_ready_age")
            #expect(age.level == .wrong && age.detail.contains("run a coordinator"))
            try await stage.owner.execute("UPDATE affine.worker SET seen_at = '2000-01-01'")
            age = try await finding(stage.coordinator, "oldest_ready_age")
            #expect(age.level == .advice && age.detail.contains("no worker is live"))
            try await stage.owner.execute("DELETE FROM affine.ready")
            try await #expect(finding(stage.coordinator, "oldest_ready_age").subject == "queue")
        }
    }

    @Test("the tables that every job touches each have their dead rows counted, the open window's attempts with them")
    func deadTuples() async throws {
        try await scene { stage, _, _ in
            try await #expect(
                findings(stage.coordinator, "dead_tuples").map(\.subject) == [
                    "affine.attempt_window_1", "affine.evaluation", "affine.lease", "affine.ready", "affine.worker",
                ])
        }
    }

    @Test("a setting that hurts is judged by what new sessions get, not by what the looking session set for itself")
    func settings() async throws {
        try await Stage.with { stage in
            func named(_ setting: String) async throws -> HealthFinding? {
                let pool = try Stage.pool(as: "affine_dashboard")
                let found = try await findings(pool, "setting").first { $0.subject == setting }
                await pool.close()
                return found
            }
            func alter(_ setting: String) async throws {
                try await stage.owner.execute(
                    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ' || $s$\(setting)$s$, current_database()); END $$"
                )
            }
            try await alter("idle_in_transaction_session_timeout = 0")
            try await alter("default_transaction_isolation = 'serializable'")
            // Our own sessions set a timeout of 30 s.
            try await #expect(named("idle_in_transaction_session_timeout")?.level == .advice)
            let isolation = try await named("default_transaction_isolation")
            #expect(isolation?.level == .wrong)
            #expect(
                isolation?.detail.hasSuffix("ALTER SYSTEM SET default_transaction_isolation = 'read committed'") == true
            )
            try await alter("idle_in_transaction_session_timeout = '10min'")
            try await alter("default_transaction_isolation = 'read committed'")
            try await #expect(named("idle_in_transaction_session_timeout") == nil)
            try await #expect(named("default_transaction_isolation") == nil)
        }
    }

    @Test("a dashboard gets the findings from the view alone")
    func functionsAreHidden() async throws {
        let pool = try Stage.pool(as: "affine_dashboard")
        let error = await pool.refusal("SELECT affine.snapshot_findings(0)")
        await pool.close()
        #expect(error?.sqlState == "42501")
    }
}

extension String {
    fileprivate var asNumber: Int { Int(self) ?? 0 }
}
