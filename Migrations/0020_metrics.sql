-- What a monitoring system samples, as rows.

SET LOCAL ROLE affine_owner;

CREATE VIEW ops.metric AS
WITH head AS (
    SELECT number, seen_at FROM affine.chain_block ORDER BY number DESC LIMIT 1
), health AS (
    SELECT * FROM ops.queue_health
), worker_states AS (
    SELECT s.state, count(w.id) AS count
    FROM unnest(ARRAY['live', 'silent', 'stopped']) AS s (state) LEFT JOIN ops.worker w USING (state) GROUP BY s.state
), miner_states AS (
    SELECT s.state, count(m.hotkey) AS count
    FROM unnest(enum_range(NULL::affine.miner_state)) AS s (state) LEFT JOIN affine.miner m USING (state) GROUP BY s.state
), contest_states AS (
    SELECT s.state, count(c.id) AS count
    FROM unnest(enum_range(NULL::affine.contest_state)) AS s (state) LEFT JOIN affine.contest c USING (state) GROUP BY s.state
), finding_levels AS (
    SELECT s.level, count(f.level) AS count
    FROM unnest(ARRAY['advice', 'wrong']) AS s (level) LEFT JOIN ops.database_health f USING (level) GROUP BY s.level
)
SELECT 'affine_ready_jobs' AS name, NULL AS label, NULL AS label_value, ready_jobs::double precision AS value,
       'Jobs that wait for a worker.' AS help FROM health
UNION ALL SELECT 'affine_leased_jobs', NULL, NULL, leased_jobs, 'Jobs that a worker holds.' FROM health
UNION ALL SELECT 'affine_overdue_leases', NULL, NULL, overdue_leases, 'Leases past their time.' FROM health
UNION ALL SELECT 'affine_workers', 'state', state, count, 'Worker processes by state.' FROM worker_states
UNION ALL SELECT 'affine_miners', 'state', state::text, count, 'Miners by state.' FROM miner_states
UNION ALL SELECT 'affine_contests', 'state', state::text, count, 'Contests by state.' FROM contest_states
UNION ALL SELECT 'affine_findings', 'level', level, count, 'Rows of ops.database_health that are not ok.' FROM finding_levels
UNION ALL SELECT 'affine_contest_age_seconds', NULL, NULL, extract(epoch FROM clock_timestamp() - opened_at),
       'How long the running contest has run; absent when none runs.' FROM affine.contest WHERE state = 'running'
UNION ALL SELECT 'affine_chain_head_block', NULL, NULL, number, 'The newest block that was seen.' FROM head
UNION ALL SELECT 'affine_chain_head_age_seconds', NULL, NULL, extract(epoch FROM clock_timestamp() - seen_at),
       'How long ago the newest block was seen.' FROM head
UNION ALL SELECT 'affine_window_age_blocks', NULL, NULL, head.number - w.opened_block,
       'Blocks since the window that is not closed was opened.' FROM affine.task_window w, head WHERE w.state <> 'closed'
UNION ALL SELECT 'affine_weights_age_blocks', NULL, NULL, head.number - e.block,
       'Blocks since weights were last final on the chain; absent before the first.'
       FROM head, (SELECT max(block) AS block FROM affine.weight_emission WHERE status = 'final') AS e
       WHERE e.block IS NOT NULL;
COMMENT ON VIEW ops.metric IS 'what a monitoring system samples: one row for each series, served at /metrics beside the dashboard';
COMMENT ON COLUMN ops.metric.name IS 'what is measured; ages end in their unit';
COMMENT ON COLUMN ops.metric.label IS 'what the series of one name differ in; null where there is one only';
COMMENT ON COLUMN ops.metric.label_value IS 'null where label is';
COMMENT ON COLUMN ops.metric.value IS 'now; every metric is a gauge';
COMMENT ON COLUMN ops.metric.help IS 'what it means; the same for all series of a name';
GRANT SELECT ON ops.metric TO affine_coordinator, affine_dashboard;

RESET ROLE;
