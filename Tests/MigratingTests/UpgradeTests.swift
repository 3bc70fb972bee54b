import Logging
import Migrating
import Migrations
import Postgres
import TestSupport
import Testing

/// A queue at work keeps its place when the schema grows under it.
@Suite(.freshDatabase) struct UpgradeTests {
    private static let seed = """
        INSERT INTO affine.chain_block (number, hash) VALUES (1, sha256('block'));
        INSERT INTO affine.rule (digest, document) VALUES (sha256('{}'), '{}');
        INSERT INTO affine.commitment (hotkey, model, revision, block)
        VALUES (repeat('A', 48), 'owner/name', repeat('a', 40), 1);
        INSERT INTO affine.miner (hotkey, commitment, first_block) SELECT hotkey, id, block FROM affine.commitment;
        INSERT INTO affine.task_window (id, opened_block, rule_digest) VALUES (1, 1, sha256('{}'));
        SELECT affine.open_attempt_partition(1);
        INSERT INTO affine.environment (name, kind, margin_nano, sampling_count, dataset_ranges, run_length)
        VALUES ('abd', 'builtin', 0, 1, '{[0,100)}', 1);
        INSERT INTO affine.window_environment
        SELECT 1, id, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count, timeout_ms, temperature, max_attempts,
               run_length, parameters, dataset_ranges, selection FROM affine.environment;
        INSERT INTO affine.evaluation (window_id, hotkey, model, revision, deadline_at)
        SELECT 1, hotkey, model, revision, now() + interval '1 day' FROM affine.commitment;
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
        SELECT 1, id, ARRAY(SELECT generate_series(1, 6)), 6 FROM affine.environment;
        SELECT affine.enqueue(1);
        SELECT affine.register_worker(worker, 'old', 'endpoint', 8, 600000) FROM test_worker;
        SELECT affine.register_deployment(worker, 'http://a', 'owner/name', repeat('a', 40)) FROM test_worker;
        """

    /// Claims everything there is and reports all of it; of a position in `fault` a fault that is nobody's.
    private static func work(runs: Int, fault: Int = -1) -> String {
        """
        SELECT affine.claim(worker, ARRAY[1::bigint], NULL, \(runs), 0) FROM test_worker;
        SELECT affine.settle(worker, array_agg(DISTINCT id), array_agg(id), array_agg(evaluation), array_agg(environment),
            array_agg(p), array_agg(CASE p WHEN \(fault) THEN 'infra_fault' ELSE 'scored' END),
            array_agg(CASE p WHEN \(fault) THEN NULL ELSE 1 END::bigint),
            array_agg(CASE p WHEN \(fault) THEN 'away' END), array_agg(NULL::text), array_agg(NULL::text), array_agg(5),
            array_agg(5), array_agg(5))
        FROM (SELECT worker, l.id, evaluation, environment, affine.each_position(positions) AS p
              FROM affine.lease l JOIN test_worker USING (worker)) AS held GROUP BY worker;
        """
    }

    @Test("what was ready, leased and attempted before the queue's later migrations comes to its end after them")
    func midway() async throws {
        let database = FreshDatabase.current.database
        let early = Migrator(migrations: Array(Catalogue.migrations.prefix(6)), logger: FreshDatabase.logger)
        try await early.migrate(database)
        try await database.withSession { session in
            try session.execute("CREATE TABLE test_worker AS SELECT gen_random_uuid() AS worker")
            try session.execute(Self.seed)
            // One job has its result, one is queued again, two are leased, two were never claimed.
            try session.execute(Self.work(runs: 2, fault: 1))
            try session.execute("SELECT affine.claim(worker, ARRAY[1::bigint], NULL, 2, 0) FROM test_worker")
        }
        try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
        try await database.withSession { try $0.execute(Self.work(runs: 10) + Self.work(runs: 10)) }
        let states = try await database.run(CountStates()).first
        #expect(states?.finals == 6 && states?.retries == 1 && states?.left == 0)
    }

    @Test("a contest that runs and one that is over get their bars and certificates")
    func certificates() async throws {
        let database = FreshDatabase.current.database
        let early = Migrator(migrations: Array(Catalogue.migrations.prefix(12)), logger: FreshDatabase.logger)
        try await early.migrate(database)
        try await database.withSession { session in
            try session.execute("CREATE TABLE test_worker AS SELECT gen_random_uuid() AS worker")
            try session.execute(Self.seed)
            try session.execute(Self.contests)
        }
        try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
        let standings = try await database.run(ReadStandings())
        #expect(
            standings == [
                "1 decided: bar 9, 1 decided, 1 unknown, L -6, U 999999994",
                "2 running: bar 7, 0 decided, 2 unknown, L -7, U 1999999993",
            ])
    }

    @Test(
        "attempts that were summed by minute alone are summed by evaluation and with their scores",
        arguments: [false, true])
    func sums(isOver: Bool) async throws {
        let database = FreshDatabase.current.database
        let early = Migrator(migrations: Array(Catalogue.migrations.prefix(34)), logger: FreshDatabase.logger)
        try await early.migrate(database)
        try await database.withSession { session in
            try session.execute("CREATE TABLE test_worker AS SELECT gen_random_uuid() AS worker")
            try session.execute(Self.seed)
            try session.execute(Self.work(runs: 3, fault: 1))
            try session.execute("SELECT affine.sum_attempts(clock_timestamp())")
            try session.execute(Self.work(runs: 2))
            guard isOver else { return }
            try session.execute("SELECT affine.end_evaluation(1, 'complete', 'test'), affine.sum_ended()")
        }
        try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
        let sums = try await database.run(CompareSums())
        // The scores of an evaluation that was over are in its residuals.
        #expect(sums == ["true \(isOver ? "none" : "true") 1"])
    }

    /// Over two tasks with a margin of 0: one contest decided on sums of its own, one that runs.
    private static let contests = """
        INSERT INTO affine.window_task (window_id, environment, ordinal, task_id, slate_position)
        SELECT 1, 1, n, n + 1, n FROM generate_series(0, 1) AS n;
        ALTER TABLE affine.window_environment DISABLE TRIGGER USER;
        UPDATE affine.window_environment SET sampling_count = 2;
        INSERT INTO affine.commitment (hotkey, model, revision, block)
        SELECT repeat(letter, 48), 'owner/' || letter, repeat('b', 40), 1 FROM unnest('{B,C}'::text[]) AS letter;
        INSERT INTO affine.miner (hotkey, commitment, first_block)
        SELECT hotkey, id, block FROM affine.commitment WHERE id > 1 ORDER BY id;
        INSERT INTO affine.evaluation (window_id, hotkey, model, revision, deadline_at)
        SELECT 1, hotkey, model, revision, now() + interval '1 day' FROM affine.commitment WHERE id > 1 ORDER BY id;
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
        SELECT id, 1, '{2,1}', 2 FROM affine.evaluation WHERE id > 1;
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano, lease,
                                    duration_ms)
        SELECT 1, 1, 1, p, 1, true, 'scored', 3 + p, gen_random_uuid(), 1 FROM generate_series(0, 1) AS p;
        INSERT INTO affine.contest (window_id, champion, challenger, champion_evaluation, challenger_evaluation, rule_digest,
                                    deadline_at)
        SELECT 1, repeat('A', 48), hotkey, 1, id, sha256('{}'), now() + interval '1 day'
        FROM affine.evaluation WHERE id = 2;
        INSERT INTO affine.contest_environment VALUES (1, 1, 2, 1, 9, 3, 1000000003, 'open', 'open', '{[0,1)}');
        UPDATE affine.contest SET state = 'decided', verdict = 'champion_keeps', decided_at = now(),
            outcome_digest = sha256(''), evidence_digest = sha256('');
        INSERT INTO affine.contest (window_id, champion, challenger, champion_evaluation, challenger_evaluation, rule_digest,
                                    deadline_at)
        SELECT 1, repeat('A', 48), hotkey, 1, id, sha256('{}'), now() + interval '1 day'
        FROM affine.evaluation WHERE id = 3;
        """
}

private struct ReadStandings: Statement {
    static let sql = """
        SELECT contest || ' ' || state || ': bar ' || bar_nano || ', ' || decided || ' decided, ' || unknown
               || ' unknown, L ' || lower_nano || ', U ' || upper_nano
        FROM ops.contest_standing ORDER BY contest
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

/// Row: whether tries, jobs and times are those of the attempts; whether the running evaluation's scores are; tasks that failed.
private struct CompareSums: Statement {
    static let sql = """
        SELECT concat_ws(' ',
            ((SELECT array_agg(ARRAY[t.outcome::text, t.tries::text, t.jobs::text, t.duration_ms::text] ORDER BY t.outcome)
              FROM affine.attempt_tally t) = (
                SELECT array_agg(ARRAY[a.outcome::text, a.tries::text, a.jobs::text, a.ms::text] ORDER BY a.outcome) FROM (
                    SELECT outcome, count(*) AS tries, count(*) FILTER (WHERE final) AS jobs, sum(duration_ms) AS ms
                    FROM affine.attempt GROUP BY outcome) AS a))::text,
            COALESCE((SELECT abs(sum(m.score_sum) - (SELECT sum(score_nano) / 1e9 FROM affine.attempt)) < 1e-15
                      FROM affine.unsummed_minute m)::text, 'none'),
            (SELECT count(*) FROM (SELECT task FROM affine.error_task UNION
                                   SELECT task FROM affine.error_tasks('-infinity', 'infinity')) AS t))
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

private struct CountStates: Statement {
    static let sql = """
        SELECT count(DISTINCT position) FILTER (WHERE final), count(*) FILTER (WHERE NOT final),
               (SELECT count(*) FROM affine.ready) + (SELECT count(*) FROM affine.lease)
        FROM affine.attempt
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (finals: Int64, retries: Int64, left: Int64) {
        (try row.next(), try row.next(), try row.next())
    }
}
