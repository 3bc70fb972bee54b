import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

/// Coordinators and workers that reach the database through a real PgBouncer in transaction mode.
@Suite(
    .timeLimit(.minutes(10)),
    .enabled(if: FreshDatabase.hasPrivateServer, "needs a server that trusts whoever reaches its socket"))
struct PoolerTests {
    private static let roles = ["affine_coordinator", "affine_worker"]

    private static let judge: Judge = { job in
        switch (job.miner, job.task % 9) {
        case ("c", 4): .modelFault
        case (_, 5): job.lease.attempt == 1 ? .infraFault : .scored(500)
        case ("c", let rest): .scored(900 + rest)
        case (_, let rest): .scored(300 + rest)
        }
    }

    /// Who met whom, how it ended and both digests, contest by contest.
    private func history(_ stage: Stage) async throws -> [String] {
        try await stage.owner.column(
            """
            SELECT concat_ws(' ', right(challenger, 1), verdict, encode(outcome_digest, 'hex'),
                             encode(evidence_digest, 'hex'))
            FROM affine.contest ORDER BY id
            """)
    }

    @Test(
        "window, baseline, contests and verdicts through fewer server sessions than clients are those without a pooler")
    func wholeArena() async throws {
        let direct = try await FreshDatabase.provide(.migrated) {
            try await Stage.with({ $0.curtail = false }) { stage in
                try await stage.play(try await stage.prepare("abcd"), Self.judge)
                return try await history(stage)
            }
        }
        #expect(
            direct.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
                == ["b champion_keeps", "c dethroned", "d champion_keeps"])
        let pooled = try await FreshDatabase.provide(.migrated) {
            try await FreshDatabase.current.withPooler(roles: Self.roles, poolSize: 1) { pooler in
                try await Stage.with({ $0.curtail = false }, through: pooler) { stage in
                    try await playAtOnce(stage, try await stage.prepare("abcd"))
                    try await #expect(stage.serverSessions() <= Self.roles.count)
                    for contest in try await stage.contests() {
                        try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
                    }
                    return try await history(stage)
                }
            }
        }
        #expect(pooled == direct)
    }

    /// Three coordinators and three workers, who all want a session at once.
    private func playAtOnce(_ stage: Stage, _ miners: [TestMiner]) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<3 {
                let crew = try await stage.crew(miners)
                group.addTask {
                    while try await stage.isGoingOn() { try await stage.arena.advance() }
                }
                group.addTask {
                    while try await stage.isGoingOn() { _ = try await crew.work(runs: 3, Self.judge) }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a zombie's report is refused through a pooler as well, and kept as an event")
    func fenced() async throws {
        try await withStage { stage, miner in
            let first = try await FakeWorker.registered(on: stage)
            let second = try await FakeWorker.registered(on: stage)
            let deployment = try await first.serve(miner)
            let lost = try await first.claim(deployment)
            try await stage.owner.execute("UPDATE affine.worker SET seen_at = '2000-01-01' WHERE id = '\(first.id)'")
            try await #expect(stage.coordinator.value("SELECT affine.rescue()") == "1")
            let leases = try await second.claim(deployment, runs: 100)
            try await #expect(first.settle(lost, .scored(1_000)) == ["superseded"])
            try await #expect(stage.events("job.fenced") == 1)
            let again = leases.filter { $0.positions == lost.first?.positions && $0.attempt == 2 }
            try await #expect(second.settle(again, .scored(250)) == ["accepted"])
            try await #expect(second.settle(again, .scored(250)) == ["duplicate"])
            try await #expect(first.heartbeat())
        }
    }

    @Test("a server session that clients take turns with keeps nothing of what any of them did")
    func nothingStays() async throws {
        try await withStage { stage, miner in
            let worker = try await FakeWorker.registered(on: stage)
            let deployment = try await worker.serve(miner)
            let sessions = try await stage.workers.value("SELECT pg_backend_pid()")
            // A claim turns synchronous_commit off, a transaction of ours sets time limits: both for themselves alone.
            let leases = try await worker.claim(deployment, runs: 3)
            _ = try await worker.settle(leases, .scored(100))
            try await stage.workers.transaction { try $0.execute("SELECT 1") }
            try await stage.arena.advance()
            for pool in [stage.workers, stage.coordinator] {
                try await #expect(pool.value(Self.limits) == "local 77s 78s")
                try await #expect(pool.column(Self.changed) == [])
                try await #expect(pool.column("SELECT name FROM pg_prepared_statements") == [])
                try await #expect(
                    pool.column(
                        "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == [])
            }
            try await #expect(stage.workers.value("SELECT pg_backend_pid()") == sessions)
        }
    }

    private static let limits = """
        SELECT concat_ws(' ', current_setting('synchronous_commit'), current_setting('statement_timeout'),
                         current_setting('idle_in_transaction_session_timeout'))
        """
    /// What a client names when it connects is the pooler's to set.
    private static let changed = """
        SELECT name FROM pg_settings WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding')
        """

    /// A baseline in progress, behind a pooler with one server session for each login, and a server with settings of its own.
    private func withStage(_ body: (Stage, TestMiner) async throws -> Void) async throws {
        try await FreshDatabase.provide(.migrated) {
            try await FreshDatabase.current.database.execute(
                """
                DO $$ BEGIN
                    EXECUTE format('ALTER DATABASE %I SET synchronous_commit = local', current_database());
                    EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''77s''', current_database());
                    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = ''78s''', current_database());
                END $$
                """)
            try await FreshDatabase.current.withPooler(roles: Self.roles, poolSize: 1) { pooler in
                try await Stage.with(through: pooler) { stage in
                    let miners = try await stage.prepare("ab")
                    try await stage.arena.advance()
                    try await body(stage, miners[0])
                }
            }
        }
    }
}

extension Stage {
    /// Server sessions of others than the superuser.
    fileprivate func serverSessions() async throws -> Int {
        try await owner.column(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user"
        ).count
    }
}
