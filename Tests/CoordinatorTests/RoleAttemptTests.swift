import Coordinator
import Postgres
import TestSupport
import Testing

/// Each role tries everything with everything that there is, so that nothing new is open to it unnoticed.
@Suite(.migratedDatabase) struct RoleAttemptTests {
    private struct Undone: Error {}

    /// What is done of it is undone.
    private func isAllowed(_ sql: String, to pool: Database) async throws -> Bool {
        do {
            try await pool.transaction { session in
                try session.execute(sql)
                throw Undone()
            }
        } catch is Undone { return true } catch let error as PostgresError {
            // Whoever may not, and what nobody can: write into a view.
            return !["42501", "55000", "42809", "0A000", "428C9"].contains(error.sqlState)
        }
        return false
    }

    /// What the role may do of these, each named by what stands before the colon.
    private func allowed(_ attempts: [String], to pool: Database) async throws -> [String] {
        var allowed: [String] = []
        for attempt in attempts {
            let parts = attempt.split(separator: ": ", maxSplits: 1)
            if try await isAllowed(String(parts[1]), to: pool) { allowed.append(String(parts[0])) }
        }
        return allowed
    }

    /// Every act with every table, view and sequence outside the system's own schemas, columns one by one.
    private static let attempts = """
        WITH relation AS (
            SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'S' AS is_sequence
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('affine', 'ops', 'affine_migrations', 'public') AND c.relkind IN ('r', 'p', 'v', 'm', 'S'))
        SELECT format('%s %s: %s', act.word, r.name, format(act.sql, r.name))
        FROM relation r CROSS JOIN (VALUES
            ('select', 'SELECT FROM %s LIMIT 0'), ('insert', 'INSERT INTO %s DEFAULT VALUES'), ('delete', 'DELETE FROM %s WHERE false'),
            ('lock', 'LOCK %s IN ACCESS EXCLUSIVE MODE'), ('alter', 'ALTER TABLE %s ADD COLUMN mine int'),
            ('drop', 'DROP TABLE %s')) AS act (word, sql)
        WHERE NOT r.is_sequence
        UNION ALL
        SELECT format('update %s.%I: UPDATE %s SET %I = DEFAULT WHERE false', r.name, a.attname, r.name, a.attname)
        FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE NOT r.is_sequence
        UNION ALL
        SELECT format('%s %s: SELECT %s(''%s''%s)', word, r.name, word, r.name, rest)
        FROM relation r CROSS JOIN (VALUES ('nextval', ''), ('setval', ', 1')) AS act (word, rest) WHERE r.is_sequence
        UNION ALL
        SELECT format('create in %I: CREATE TABLE %I.mine (id int)', nspname, nspname) FROM pg_namespace WHERE nspname !~ '^pg_temp|^pg_toast'
        ORDER BY 1
        """

    private static let beyond = [
        "schema: CREATE SCHEMA mine", "role: CREATE ROLE mine",
        "superuser: ALTER ROLE affine_worker SUPERUSER", "file: SELECT pg_read_file('/etc/passwd')",
        "program: COPY (SELECT 1) TO PROGRAM 'true'", "import: COPY affine.rule FROM '/etc/passwd'",
        "library: LOAD '/tmp/mine.so'",
        "kill: SELECT pg_terminate_backend(pg_backend_pid())",
        "replica: SET session_replication_role = replica",
        "language: CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS 'f'",
    ]

    private struct Allowed {
        var acts: [String]
        var views: [String]
    }

    private func everything(_ role: String) async throws -> Allowed {
        let owner = FreshDatabase.current.database
        try await owner.execute(Database.rowsFunction)
        let attempts = try await owner.column(Self.attempts)
        try #require(attempts.count > 500)
        let pool = try Stage.pool(as: role)
        let acts = try await allowed(attempts + Self.beyond, to: pool)
        await pool.close()
        return Allowed(
            acts: acts.sorted(),
            views: try await owner.column("SELECT 'select ops.' || viewname FROM pg_views WHERE schemaname = 'ops'")
                .sorted())
    }

    @Test("nobody but the owner may truncate, refer to, or put a trigger on anything")
    func rights() async throws {
        let owner = FreshDatabase.current.database
        try await owner.execute(Database.rowsFunction)
        let granted = try await owner.column(
            """
            SELECT format('%s on %I.%I to %s', r.word, n.nspname, c.relname, o.rolname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                 unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER', 'DELETE']) AS r (word), pg_roles o
            WHERE n.nspname IN ('affine', 'ops') AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(o.oid, c.oid, r.word)
              AND o.rolname IN ('affine_coordinator', 'affine_worker', 'affine_dashboard')
            """)
        #expect(granted == [])
    }

    @Test("what is granted of a single column is found")
    func column() async throws {
        try await FreshDatabase.current.database.execute(
            "GRANT USAGE ON SCHEMA affine TO affine_worker; GRANT UPDATE (state) ON affine.miner TO affine_worker")
        try await #expect(everything("affine_worker").acts == ["update affine.miner.state"])
    }

    @Test("a worker may do nothing with any table, view or sequence")
    func worker() async throws {
        try await #expect(everything("affine_worker").acts == [])
    }

    @Test("a dashboard may read the views of ops, and nothing else")
    func dashboard() async throws {
        let allowed = try await everything("affine_dashboard")
        #expect(!allowed.views.isEmpty)
        #expect(Set(allowed.acts).symmetricDifference(allowed.views) == [])
    }

    @Test("a coordinator may write what it decides, and neither change the history nor delete anything")
    func coordinator() async throws {
        let allowed = try await everything("affine_coordinator")
        var byAct: [String: Set<String>] = [:]
        for act in allowed.acts {
            // Such as `update affine.miner.state`.
            let words = act.split(whereSeparator: { $0 == " " || $0 == "." }).map(String.init)
            byAct[words[0], default: []].insert(words.count > 2 ? words[2] : act)
        }
        let updates: Set = [
            "admission", "arena_control", "contest", "copy_check", "environment", "evaluation",
            "evaluation_environment",
            "miner", "neuron", "operator_token", "reign", "task_window", "weight_emission", "window_task",
        ]
        #expect(byAct["update"] == updates && byAct["lock"] == updates)
        #expect(
            byAct["insert"]
                == updates.subtracting(["arena_control"]).union([
                    "chain_block", "commitment", "contest_bar", "contest_environment", "event", "fingerprint", "probe",
                    "reveal", "rule", "weight", "weight_snapshot", "window_environment",
                ]))
        // Not even read: what the database's own functions sum for the views of ops.
        let hidden = try await FreshDatabase.current.database.column(
            "SELECT relname FROM pg_class WHERE relnamespace = 'affine'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY 1"
        ).filter { byAct["select"]?.contains($0) != true }
        #expect(
            hidden == [
                "attempt_sum", "attempt_tally", "attempt_watermark", "error_task", "evaluation_sum", "live_residual",
                "open_fingerprint", "running_residual", "unsummed_minute", "worker_residual",
            ])
        #expect(byAct["nextval"] == ["benchmark_number", "throne_number"])
        #expect(Set(byAct.keys) == ["select", "insert", "update", "lock", "nextval"])
        #expect(Set(allowed.views).isSubset(of: allowed.acts))
    }
}
