import Domain
import Postgres

/// Evaluations of 3,600 jobs: six environments with 600 tasks each, all of one model.
struct QueueLoad: Sendable {
    static let jobsPerEvaluation = 3_600
    static let model = "bench/model"
    static let revision = String(repeating: "0", count: 40)

    let evaluations: Int
    /// Nil: by the measured duration of jobs, which `seed` says is 1 s.
    let runLength: Int16?
    let history: Int64

    init(jobs: Int, runLength: Int16?, history: Int64) {
        evaluations = (jobs + Self.jobsPerEvaluation - 1) / Self.jobsPerEvaluation
        self.runLength = runLength
        self.history = history
    }

    var jobs: Int { evaluations * Self.jobsPerEvaluation }

    /// Everything but the jobs.
    func seed(_ database: Database) async throws {
        try await database.withSession { session in
            try session.execute(Self.arena)
            try session.execute("SELECT affine.open_attempt_partition(1), affine.open_attempt_partition(2)")
            _ = try session.run(SeedTerms(runLength: runLength))
            try session.execute(Self.miners)
            _ = try session.run(SeedEvaluations(count: Int32(evaluations)))
            try session.execute(Self.tasks)
            try session.execute(Self.measured)
            if history > 0 { _ = try session.run(SeedHistory(rows: history)) }
        }
    }

    /// Plans the evaluations one after another; returns how long each took.
    func enqueue(_ database: Database) async throws -> [Duration] {
        try await database.withSession { session in
            var times: [Duration] = []
            for evaluation in 1...evaluations {
                let started = ContinuousClock.now
                _ = try session.run(EnqueueEvaluation(evaluation: Int64(evaluation)))
                times.append(.now - started)
            }
            return times
        }
    }

    private static let arena = """
        INSERT INTO affine.chain_block (number, hash) VALUES (1, sha256('bench'));
        INSERT INTO affine.rule (digest, document) VALUES (sha256(convert_to('bench', 'UTF8')), 'bench');
        INSERT INTO affine.environment (name, kind, base_url, margin_nano, sampling_count, dataset_ranges)
        SELECT 'bench-' || n, 'url', 'http://127.0.0.1:9', 0, 600, '{[0,600)}' FROM generate_series(1, 6) AS n;
        INSERT INTO affine.task_window (id, opened_block, state, rule_digest, slate_frozen_at)
        SELECT 1, 1, 'open', digest, clock_timestamp() FROM affine.rule;
        """

    private static let miners = """
        INSERT INTO affine.commitment (hotkey, model, revision, block)
        VALUES (repeat('5', 48), '\(model)', '\(revision)', 1);
        INSERT INTO affine.miner (hotkey, commitment, first_block) SELECT hotkey, id, block FROM affine.commitment;
        """

    /// An evaluation in the past whose jobs took 1 s each.
    private static let measured = """
        INSERT INTO affine.evaluation (id, window_id, hotkey, model, revision, round, deadline_at, state, ended_at)
        OVERRIDING SYSTEM VALUE
        SELECT 0, 1, hotkey, 'bench/past', '\(revision)', 32767, clock_timestamp(), 'complete', clock_timestamp()
        FROM affine.miner;
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
        SELECT 0, id, ARRAY(SELECT generate_series(0, 99)), 100 FROM affine.environment;
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano, lease,
                                    duration_ms)
        SELECT 1, 0, n.id, p, 1, true, 'scored', 0, gen_random_uuid(), 1000
        FROM affine.environment n, generate_series(0, 99) AS p
        """

    private static let tasks = """
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
        SELECT e.id, n.id, ARRAY(SELECT generate_series(0, 599)), 600 FROM affine.evaluation e, affine.environment n
        """
}

private struct SeedTerms: Statement {
    static let sql = """
        INSERT INTO affine.window_environment (window_id, environment, kind, base_url, lo_nano, hi_nano, margin_nano,
            sampling_count, timeout_ms, temperature, max_attempts, run_length, parameters, dataset_ranges, selection)
        SELECT 1, id, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count, timeout_ms, temperature, max_attempts,
               $1, parameters, dataset_ranges, selection
        FROM affine.environment
        """
    var runLength: Int16?
    func bind(_ bindings: inout Bindings) { bindings.append(runLength) }
}

private struct SeedEvaluations: Statement {
    static let sql = """
        INSERT INTO affine.evaluation (window_id, hotkey, model, revision, round, deadline_at)
        SELECT 1, m.hotkey, c.model, c.revision, n, clock_timestamp() + interval '1 day'
        FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment, generate_series(1, $1) AS n
        """
    var count: Int32
    func bind(_ bindings: inout Bindings) { bindings.append(count) }
}

/// Attempts of evaluations long past, in the window that is drained and in one before it.
private struct SeedHistory: Statement {
    static let sql = """
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano, lease,
                                    duration_ms)
        SELECT 1 + n % 2, -1 - n / 3600, 1 + n % 3600 / 600, n % 600, 1, true, 'scored', 0, gen_random_uuid(), 0
        FROM generate_series(0, $1 - 1) AS n
        """
    var rows: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(rows) }
}

private struct EnqueueEvaluation: Statement {
    static let sql = "SELECT affine.enqueue($1)"
    var evaluation: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(evaluation) }
}

/// Ends the evaluations of which nothing is ready or leased any more, as a coordinator would.
struct EndDrainedEvaluations: Statement {
    static let sql = """
        UPDATE affine.evaluation SET state = 'complete', ended_at = clock_timestamp()
        WHERE id IN (SELECT e.id FROM affine.evaluation e WHERE e.state = 'running' ORDER BY e.id LIMIT 64)
          AND NOT EXISTS (SELECT FROM affine.ready r WHERE r.evaluation = evaluation.id)
          AND NOT EXISTS (SELECT FROM affine.lease l WHERE l.evaluation = evaluation.id)
        """
}

/// What the tables hold: whether each job has one final attempt, and attempts beyond those.
struct CountResults: Statement {
    static let sql = """
        WITH environment AS (
            SELECT evaluation, environment, count(*) AS attempts, count(*) FILTER (WHERE final) AS finals,
                   count(DISTINCT position) FILTER (WHERE final AND position BETWEEN 0 AND 599) AS jobs
            FROM affine.attempt WHERE window_id = 1 AND evaluation > 0 GROUP BY evaluation, environment
        )
        SELECT COALESCE(sum(jobs) FILTER (WHERE finals = 600 AND jobs = 600), 0)::bigint, COALESCE(sum(attempts), 0)::bigint,
               (SELECT count(*) FROM affine.ready), (SELECT count(*) FROM affine.lease)
        FROM environment
        """
    struct Counts: Sendable {
        var finished: Int64
        var attempts: Int64
        var ready: Int64
        var leased: Int64
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Counts {
        Counts(finished: try row.next(), attempts: try row.next(), ready: try row.next(), leased: try row.next())
    }
}
