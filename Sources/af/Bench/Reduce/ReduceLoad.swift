import Digest
import Domain
import Postgres
import Rules

/// One window whose champion met many challengers, each on the whole slate, with scores of 0 and 1.
struct ReduceLoad: Sendable {
    let contests: Int
    let environments: Int
    /// Of each environment.
    let tasks: Int
    /// `full` makes the last result the one that decides.
    var stopping = RuleDocument.Stopping.exact

    var rule: RuleDocument {
        get throws {
            let terms = EnvironmentTerms(
                bounds: .zeroToOne, margin: Score(nano: 30_000_000), samplingCount: Int64(tasks))
            return try RuleDocument(
                kind: StrictMargin(),
                environments: try (1...environments).map {
                    RuleEnvironment(name: try EnvironmentName("bench-\($0)"), terms: terms)
                }, stopping: stopping)
        }
    }

    /// Writes the history. The last evaluation's last job is left out if `isRunning`: then that contest is not over.
    func seed(_ database: Database, isRunning: Bool) async throws {
        let rule = try rule
        try await database.withSession { session in
            // Rows are written in whatever order is fastest; nothing is checked that a benchmark has no use for.
            try session.execute("SET session_replication_role = replica")
            _ = try session.run(SeedArena(load: self, rule: rule))
            try session.execute("SELECT affine.open_attempt_partition(1)")
            try session.execute(Self.slate)
            _ = try session.run(SeedMiners(count: Int32(contests + 1)))
            try session.execute(Self.evaluations)
            try session.execute(Self.jobs)
            try session.execute(Self.attempts(withoutLast: isRunning))
            _ = try session.run(SeedContests(rule: rule, isRunning: isRunning))
            try session.execute(Self.bars)
            if !isRunning { try session.execute(Self.certificates) }
            try session.execute("SET session_replication_role = origin")
            try session.execute("VACUUM ANALYZE affine.attempt, affine.window_task, affine.evaluation_environment")
        }
    }

    private static let slate = """
        INSERT INTO affine.window_environment (window_id, environment, kind, base_url, lo_nano, hi_nano, margin_nano,
            sampling_count, timeout_ms, temperature, max_attempts, run_length, parameters, dataset_ranges, selection)
        SELECT 1, id, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count, timeout_ms, temperature, max_attempts, 1,
               parameters, dataset_ranges, selection
        FROM affine.environment;
        INSERT INTO affine.window_task (window_id, environment, ordinal, task_id, slate_position)
        SELECT 1, n.id, p, p::bigint * 7919 % n.sampling_count, p
        FROM affine.environment n, generate_series(0, n.sampling_count - 1) AS p
        """

    private static let evaluations = """
        INSERT INTO affine.evaluation (id, window_id, hotkey, model, revision, round, state, deadline_at, ended_at, end_pass)
        OVERRIDING SYSTEM VALUE
        SELECT m.commitment, 1, m.hotkey, c.model, c.revision, 1, 'complete', clock_timestamp() + interval '1 day',
               clock_timestamp(), 0
        FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment
        """

    /// The champion's jobs are in slate order, a challenger's in another.
    private static let jobs = """
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
        SELECT e.id, n.id, CASE WHEN e.id = 1 THEN slate.tasks ELSE slate.shuffled END, n.sampling_count
        FROM affine.evaluation e, affine.environment n
        CROSS JOIN LATERAL (
            SELECT array_agg(t.task_id ORDER BY t.slate_position) AS tasks,
                   array_agg(t.task_id ORDER BY t.slate_position * 104729::bigint % 100003) AS shuffled
            FROM affine.window_task t WHERE t.environment = n.id) AS slate
        """

    /// In the order in which contests follow one another, as they are written in life.
    private static func attempts(withoutLast: Bool) -> String {
        """
        SELECT setseed(0.5);
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano, lease,
                                    duration_ms)
        SELECT 1, e.id, n.id, p, 1, true, 'scored', CASE WHEN random() < 0.5 THEN 0 ELSE 1000000000 END, gen_random_uuid(), 900
        FROM affine.evaluation e, affine.environment n, generate_series(0, n.sampling_count - 1) AS p
        WHERE NOT (\(withoutLast) AND e.id = (SELECT max(id) FROM affine.evaluation)
                   AND n.id = (SELECT max(id) FROM affine.environment) AND p = n.sampling_count - 1)
        ORDER BY e.id, n.id, p
        """
    }

    private static let bars = """
        INSERT INTO affine.contest_bar (contest, environment, tasks, champion_sum_nano, bar_nano)
        SELECT c.id, n.id, n.sampling_count, s.sum, s.sum + n.sampling_count * n.margin_nano
        FROM affine.contest c, affine.environment n
        JOIN (SELECT environment, sum(score_nano)::bigint AS sum FROM affine.attempt WHERE evaluation = 1 GROUP BY environment) s
          ON s.environment = n.id
        """

    /// Placeholders like those in `SeedContests`, but for the jobs that were used: all.
    private static let certificates = """
        INSERT INTO affine.contest_environment (contest, environment, tasks, decided, champion_sum_nano, challenger_lo_nano,
                                                challenger_hi_nano, lower_nano, upper_nano, standing, reason, used)
        SELECT contest, environment, tasks, 0, 0, 0, 0, 0, 0, 'lost', '', int4multirange(int4range(0, tasks))
        FROM affine.contest_bar
        """

    /// The last job of the last evaluation, as a worker's report would settle it.
    static let lastJob = """
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano, lease,
                                    duration_ms)
        SELECT 1, (SELECT max(id) FROM affine.evaluation), n.id, n.sampling_count - 1, 1, true, 'scored', 0, gen_random_uuid(), 900
        FROM affine.environment n ORDER BY n.id DESC LIMIT 1
        """
}

private struct SeedArena: Statement {
    static let sql = """
        WITH rule AS (INSERT INTO affine.rule (digest, document) VALUES ($1, $2) RETURNING digest),
        block AS (INSERT INTO affine.chain_block (number, hash) VALUES (1, sha256('bench')) RETURNING number),
        terms AS (
            INSERT INTO affine.environment (name, kind, base_url, margin_nano, sampling_count, dataset_ranges)
            SELECT 'bench-' || n, 'url', 'http://127.0.0.1:9', 30000000, $4, int8multirange(int8range(0, $4))
            FROM generate_series(1, $3) AS n)
        INSERT INTO affine.task_window (id, opened_block, state, rule_digest, baseline_evaluation, slate_frozen_at)
        SELECT 1, number, 'open', digest, 1, clock_timestamp() FROM rule, block
        """
    var load: ReduceLoad
    var rule: RuleDocument

    func bind(_ bindings: inout Bindings) {
        bindings.append(rule.digest.bytes)
        bindings.append(rule.canonical)
        bindings.append(Int32(load.environments))
        bindings.append(Int32(load.tasks))
    }
}

/// Miner 1 is the champion; hotkeys are numbers in letters of base 58.
private struct SeedMiners: Statement {
    static let sql = """
        WITH made AS (
            INSERT INTO affine.commitment (id, hotkey, model, revision, block) OVERRIDING SYSTEM VALUE
            SELECT n, '5' || translate(lpad(n::text, 47, '0'), '0123456789', 'ABCDEFGHJK'), 'bench/model-' || n, repeat('0', 40), n
            FROM generate_series(1, $1) AS n RETURNING id, hotkey, block)
        INSERT INTO affine.miner (hotkey, commitment, first_block, state, state_reason)
        SELECT hotkey, id, block, (CASE id WHEN 1 THEN 'champion' ELSE 'terminated' END)::affine.miner_state, 'bench' FROM made
        """
    var count: Int32
    func bind(_ bindings: inout Bindings) { bindings.append(count) }
}

/// Verdict and digests are placeholders until `StoreVerdicts`.
private struct SeedContests: Statement {
    static let sql = """
        INSERT INTO affine.contest (id, window_id, champion, challenger, champion_evaluation, challenger_evaluation, rule_digest,
                                    deadline_at, state, verdict, outcome_digest, evidence_digest, decided_at)
        SELECT x.id, 1, c.hotkey, x.hotkey, c.id, x.id, $1, clock_timestamp() + interval '1 day',
               (CASE WHEN $2 THEN 'running' ELSE 'decided' END)::affine.contest_state,
               CASE WHEN NOT $2 THEN 'champion_keeps'::affine.verdict END, CASE WHEN NOT $2 THEN sha256('') END,
               CASE WHEN NOT $2 THEN sha256('') END, CASE WHEN NOT $2 THEN clock_timestamp() END
        FROM affine.evaluation c, affine.evaluation x WHERE c.id = 1 AND x.id > 1
        """
    var rule: RuleDocument
    var isRunning: Bool

    func bind(_ bindings: inout Bindings) {
        bindings.append(rule.digest.bytes)
        bindings.append(isRunning)
    }
}

/// Writes down what contests were decided to be, as their decisions would have.
struct StoreVerdicts: Statement {
    struct Decided: Sendable {
        var contest: ContestID
        var verdict: Verdict
        var digests: ContestDigests
    }

    static let sql = """
        WITH told AS (
            UPDATE affine.contest c SET verdict = t.verdict::affine.verdict, outcome_digest = decode(t.outcome, 'hex'),
                   evidence_digest = decode(t.evidence, 'hex')
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS t (contest, verdict, outcome, evidence)
            WHERE c.id = t.contest)
        UPDATE affine.contest_environment d
        SET tasks = t.tasks, decided = t.decided, champion_sum_nano = t.champion, challenger_lo_nano = t.lo,
            challenger_hi_nano = t.hi, lower_nano = t.lower, upper_nano = t.upper, standing = t.standing, reason = t.reason
        FROM unnest($5::bigint[], $6::text[], $7::int[], $8::int[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
                    $13::bigint[], $14::text[], $15::text[])
             AS t (contest, environment, tasks, decided, champion, lo, hi, lower, upper, standing, reason)
        WHERE d.contest = t.contest AND d.environment = (SELECT n.id FROM affine.environment n WHERE n.name = t.environment)
        """
    var decided: [Decided]

    func bind(_ bindings: inout Bindings) {
        bindings.append(decided.map(\.contest))
        bindings.append(decided.map(\.verdict.decision.rawValue))
        bindings.append(decided.map(\.digests.outcome.hex))
        bindings.append(decided.map(\.digests.evidence.hex))
        let rows = decided.flatMap { contest in contest.verdict.environments.map { (contest.contest, $0) } }
        bindings.append(rows.map(\.0))
        bindings.append(rows.map(\.1.environment))
        bindings.append(rows.map { Int32(clamping: $0.1.tasks) })
        bindings.append(rows.map { Int32(clamping: $0.1.decided) })
        for sum in [
            \EnvironmentReport.championSum, \.challengerLowestSum, \.challengerHighestSum, \.lowestSlack,
            \.highestSlack,
        ] {
            bindings.append(rows.map { Int64(clamping: $0.1[keyPath: sum].nano) })
        }
        bindings.append(rows.map(\.1.state.rawValue))
        bindings.append(rows.map(\.1.reason))
    }
}
