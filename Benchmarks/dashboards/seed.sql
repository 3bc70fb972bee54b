-- One window in which 256 miners each ran four environments of 9,804 tasks: 10,020,084 attempts over a week, 2 % of them
-- faults, the last contest half done. Its rule is no rule, so a coordinator serves this arena but cannot move it.
\set ON_ERROR_STOP on

-- Rows are written in whatever order is fastest; nothing is checked that a benchmark has no use for.
SET session_replication_role = replica;

INSERT INTO affine.rule (digest, document) VALUES (sha256('{}'), '{}');
INSERT INTO affine.chain_block (number, hash) VALUES (1, sha256('bench'));

INSERT INTO affine.environment (name, kind, base_url, margin_nano, sampling_count, dataset_ranges)
SELECT 'bench-' || n, 'url', 'http://127.0.0.1:9', 30000000, 9804, int8multirange(int8range(0, 9804))
FROM generate_series(1, 4) AS n;

INSERT INTO affine.task_window (id, opened_block, state, rule_digest, baseline_evaluation, slate_frozen_at)
VALUES (1, 1, 'open', sha256('{}'), 1, clock_timestamp());
SELECT affine.open_attempt_partition(1);

INSERT INTO affine.window_environment (window_id, environment, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count,
                                       timeout_ms, temperature, max_attempts, run_length, parameters, dataset_ranges, selection)
SELECT 1, id, kind, base_url, lo_nano, hi_nano, margin_nano, sampling_count, timeout_ms, temperature, max_attempts, 1,
       parameters, dataset_ranges, selection
FROM affine.environment;

INSERT INTO affine.window_task (window_id, environment, ordinal, task_id, slate_position)
SELECT 1, n.id, p, p::bigint * 7919 % n.sampling_count, p
FROM affine.environment n, generate_series(0, n.sampling_count - 1) AS p;

-- Hotkeys are numbers in letters of base 58. Miner 1 is the champion, the last one its challenger.
INSERT INTO affine.commitment (id, hotkey, model, revision, block) OVERRIDING SYSTEM VALUE
SELECT n, '5' || translate(lpad(n::text, 47, '0'), '0123456789', 'ABCDEFGHJK'), 'bench/model-' || n, repeat('0', 40), n
FROM generate_series(1, 256) AS n;

INSERT INTO affine.miner (hotkey, commitment, first_block, uid, state_reason, state)
SELECT hotkey, id, block, id, 'bench',
       (CASE WHEN id = 1 THEN 'champion' WHEN id > 200 THEN 'pending' ELSE 'terminated' END)::affine.miner_state
FROM affine.commitment;

INSERT INTO affine.evaluation (id, window_id, hotkey, model, revision, round, deadline_at, state, ended_at, end_pass)
OVERRIDING SYSTEM VALUE
SELECT c.id, 1, c.hotkey, c.model, c.revision, 1, clock_timestamp() + interval '1 day',
       (CASE WHEN c.id = 256 THEN 'running' ELSE 'complete' END)::affine.evaluation_state,
       CASE WHEN c.id < 256 THEN clock_timestamp() END, 0
FROM affine.commitment c;

INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
SELECT e.id, n.id, slate.tasks, n.sampling_count
FROM affine.evaluation e, affine.environment n
CROSS JOIN LATERAL (
    SELECT array_agg(t.task_id ORDER BY t.slate_position) AS tasks FROM affine.window_task t WHERE t.environment = n.id) AS slate;

INSERT INTO affine.worker (id, name, lane, concurrency, ttl_ms)
SELECT gen_random_uuid(), 'w' || n, 'endpoint', 16, 60000 FROM generate_series(1, 8) AS n;

-- Each miner's within 40 minutes, one after another.
INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, lease, worker, duration_ms,
                            prompt_tokens, completion_tokens, ended_at, outcome, score_nano, error_code)
SELECT 1, e.id, n.id, p, 1, true, gen_random_uuid(), w.ids[1 + p % 8], 900, 500, 700,
       clock_timestamp() - (256 - e.id + random()) * interval '40 minutes',
       (CASE WHEN p % 50 = 0 THEN 'model_fault' ELSE 'scored' END)::affine.outcome,
       CASE WHEN p % 50 = 0 THEN NULL WHEN random() < 0.5 THEN 0 ELSE 1000000000 END,
       CASE WHEN p % 50 = 0 THEN 'bad_answer' END
FROM affine.evaluation e, affine.environment n, generate_series(0, n.sampling_count - 1) AS p,
     (SELECT array_agg(id) AS ids FROM affine.worker) AS w
WHERE e.id < 256 OR p <= 5000
ORDER BY e.id, n.id, p;

INSERT INTO affine.contest (id, window_id, champion, challenger, champion_evaluation, challenger_evaluation, rule_digest,
                            deadline_at, state, verdict, outcome_digest, evidence_digest, decided_at)
SELECT x.id, 1, c.hotkey, x.hotkey, c.id, x.id, sha256('{}'), clock_timestamp() + interval '1 day',
       (CASE WHEN x.id = 256 THEN 'running' ELSE 'decided' END)::affine.contest_state, decided.verdict::affine.verdict,
       decided.digest, decided.digest, decided.at
FROM affine.evaluation c
JOIN affine.evaluation x ON x.id > 1
LEFT JOIN LATERAL (
    SELECT 'champion_keeps' AS verdict, sha256('') AS digest, clock_timestamp() - (256 - x.id) * interval '40 minutes' AS at
) AS decided ON x.id < 256
WHERE c.id = 1;

INSERT INTO affine.contest_bar (contest, environment, tasks, champion_sum_nano, bar_nano)
SELECT c.id, n.id, n.sampling_count, s.sum, s.sum + n.sampling_count * n.margin_nano
FROM affine.contest c, affine.environment n
JOIN (SELECT environment, sum(score_nano)::bigint AS sum FROM affine.attempt WHERE evaluation = 1 GROUP BY environment) AS s
  ON s.environment = n.id;

INSERT INTO affine.contest_environment (contest, environment, tasks, decided, champion_sum_nano, challenger_lo_nano,
                                        challenger_hi_nano, lower_nano, upper_nano, standing, reason, used)
SELECT contest, environment, tasks, 0, 0, 0, 0, 0, 0, 'lost', '', int4multirange(int4range(0, tasks))
FROM affine.contest_bar WHERE contest < 256;

INSERT INTO affine.reign (id, hotkey, from_block, began_at)
SELECT 1, hotkey, 1, clock_timestamp() FROM affine.miner WHERE state = 'champion';

-- All of it came to be after the database was migrated, whatever its times say.
UPDATE affine.attempt_watermark SET until = '-infinity';

SET session_replication_role = origin;
VACUUM ANALYZE;
SELECT affine.sum_attempts(clock_timestamp() - interval '2 minutes') AS sums;
VACUUM ANALYZE affine.attempt_minute, affine.error_task;
\timing on
SELECT count(affine.sum_ended()) AS evaluations FROM generate_series(1, 256);
\timing off
VACUUM ANALYZE affine.evaluation, affine.evaluation_sum, affine.worker_residual, affine.attempt_sum;
