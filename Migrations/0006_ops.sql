-- The read-only contract for dashboards and people: every view reads as one sentence and hides the tables behind it.

SET LOCAL ROLE affine_owner;

CREATE VIEW ops.job AS
SELECT e.window_id, e.id AS evaluation, e.hotkey, n.name AS environment, p - 1 AS position, ee.task_ids[p] AS task_id,
       CASE WHEN a.final THEN a.outcome::text
            WHEN e.state <> 'running' THEN 'cancelled'
            WHEN l.id IS NOT NULL THEN 'leased'
            WHEN p > ee.planned THEN 'spare'
            ELSE 'ready' END AS state,
       a.score_nano / 1e9 AS score, a.error_code, COALESCE(a.attempt, l.attempt) AS attempt, l.worker, a.ended_at
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
CROSS JOIN LATERAL generate_series(1, cardinality(ee.task_ids)) AS p
LEFT JOIN affine.attempt a ON a.window_id = e.window_id AND a.evaluation = e.id AND a.environment = ee.environment
     AND a.position = p - 1 AND a.final
LEFT JOIN LATERAL (
    SELECT held.id, held.worker, held.attempt FROM affine.lease held
    WHERE a.evaluation IS NULL AND held.evaluation = e.id AND held.environment = ee.environment
      AND held.positions @> (p - 1)
    ORDER BY held.attempt DESC LIMIT 1) AS l ON true;
COMMENT ON VIEW ops.job IS 'every job with its state, as if it were a row';

CREATE VIEW ops.evaluation_progress AS
SELECT e.id AS evaluation, e.window_id, e.hotkey, e.model, e.revision, e.round, e.state::text AS state, n.name AS environment,
       ee.planned, COALESCE(done.finished, 0) AS finished, COALESCE(done.scored, 0) AS scored,
       COALESCE(done.faults, 0) AS faults, done.score_sum_nano
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
LEFT JOIN LATERAL (
    SELECT count(*) AS finished, count(*) FILTER (WHERE outcome = 'scored') AS scored,
           count(*) FILTER (WHERE outcome <> 'scored') AS faults, sum(score_nano)::bigint AS score_sum_nano
    FROM affine.attempt a
    WHERE a.window_id = e.window_id AND a.evaluation = e.id AND a.environment = ee.environment AND a.final) AS done ON true;
COMMENT ON VIEW ops.evaluation_progress IS 'how far each evaluation is in each environment';

CREATE VIEW ops.miner AS
SELECT m.hotkey, m.uid, c.model, c.revision, m.first_block, m.state::text AS state, m.state_reason,
       CASE WHEN m.state = 'pending'
            THEN row_number() OVER (PARTITION BY m.state ORDER BY m.first_block, m.hotkey) END AS queue_position,
       m.void_contests
FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment;
COMMENT ON VIEW ops.miner IS 'every miner, its state, and its place in the queue while it waits';

CREATE VIEW ops.contest AS
SELECT c.id AS contest, c.window_id, c.champion, c.challenger, c.state::text AS state, c.verdict::text AS verdict,
       c.opened_at, c.decided_at, c.deadline_at, encode(c.outcome_digest, 'hex') AS outcome_digest,
       encode(c.evidence_digest, 'hex') AS evidence_digest, c.champion_evaluation, c.challenger_evaluation
FROM affine.contest c;
COMMENT ON VIEW ops.contest IS 'every contest and its verdict';

CREATE VIEW ops.reign AS
SELECT r.id AS number, r.hotkey, c.model, c.revision, r.contest, r.from_block, r.to_block, r.began_at, r.ended_at
FROM affine.reign r JOIN affine.miner m USING (hotkey) JOIN affine.commitment c ON c.id = m.commitment;
COMMENT ON VIEW ops.reign IS 'who held the throne, and from which block to which';

CREATE VIEW ops.worker AS
SELECT w.id, w.name, w.lane::text AS lane, w.concurrency, w.started_at,
       extract(epoch FROM clock_timestamp() - w.seen_at) AS silent_seconds,
       CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped'
            WHEN w.seen_at < clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0) THEN 'silent'
            ELSE 'live' END AS state,
       (SELECT COALESCE(sum(upper(r) - lower(r)), 0) FROM affine.lease l, unnest(l.positions) AS r WHERE l.worker = w.id) AS leased_jobs
FROM affine.worker w;
COMMENT ON VIEW ops.worker IS 'every worker process that ever registered, and what it holds';

CREATE VIEW ops.queue_health AS
SELECT (SELECT COALESCE(sum(to_position - from_position + 1), 0) FROM affine.ready) AS ready_jobs,
       (SELECT COALESCE(sum(upper(r) - lower(r)), 0) FROM affine.lease l, unnest(l.positions) AS r) AS leased_jobs,
       (SELECT count(*) FROM affine.lease WHERE expires_at < clock_timestamp()) AS overdue_leases,
       (SELECT count(*) FROM ops.worker WHERE state = 'live') AS live_workers,
       (SELECT count(*) FROM ops.worker WHERE state = 'silent') AS silent_workers;
COMMENT ON VIEW ops.queue_health IS 'the queue in one row';

GRANT SELECT ON ALL TABLES IN SCHEMA ops TO affine_coordinator, affine_dashboard;

RESET ROLE;

-- The coordinator may see which migrations were applied.
GRANT USAGE ON SCHEMA affine_migrations TO affine_coordinator;
GRANT SELECT ON affine_migrations.applied TO affine_coordinator;
