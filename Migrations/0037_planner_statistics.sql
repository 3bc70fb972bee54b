-- What the planner knows does not wait for autovacuum, which comes once a minute, and neither to small tables nor to partitioned ones.
-- Without it, joins over a slate of thousands of tasks are taken for joins of single rows, and read each task once for every other.

SET LOCAL ROLE affine_owner;

-- Nothing is asked for by what an array contains, and counting elements would take longer than all the rest.
ALTER TABLE affine.evaluation_environment ALTER COLUMN task_ids SET STATISTICS 0;

-- Of all windows together once: how many values the columns have hardly changes, and reading every partition would take longer
-- with each.
CREATE FUNCTION affine.analyze_window(window_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE affine.evaluation, affine.evaluation_environment, affine.task_window, affine.window_environment, affine.window_task;
    IF NOT EXISTS (SELECT FROM pg_stats WHERE schemaname = 'affine' AND tablename = 'attempt' AND inherited) THEN
        ANALYZE affine.attempt;
    ELSIF to_regclass('affine.attempt_window_' || window_id) IS NOT NULL THEN
        EXECUTE format('ANALYZE affine.attempt_window_%s', window_id);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION affine.analyze_window(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.analyze_window(bigint) TO affine_coordinator;

-- As before, on what the planner knows by then.
CREATE OR REPLACE FUNCTION affine.sum_ended() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended record;
BEGIN
    SELECT e.id, e.window_id INTO ended FROM affine.evaluation e WHERE e.state <> 'running' AND NOT e.is_summed
    ORDER BY e.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM affine.analyze_window(ended.window_id);
    INSERT INTO affine.evaluation_sum (evaluation, environment, finished, scored, score_sum_nano)
    SELECT ended.id, ee.environment, count(a.final), count(*) FILTER (WHERE a.outcome = 'scored'), sum(a.score_nano)::bigint
    FROM affine.evaluation_environment ee
    LEFT JOIN affine.attempt a ON a.window_id = ended.window_id AND a.evaluation = ended.id AND a.environment = ee.environment
         AND a.final
    WHERE ee.evaluation = ended.id GROUP BY ee.environment;
    INSERT INTO affine.worker_residual (window_id, evaluation, environment, worker, jobs, total, squares)
    SELECT r.window_id, r.evaluation, r.environment, r.worker, r.jobs, r.total, r.squares
    FROM affine.live_residual r WHERE r.window_id = ended.window_id AND r.evaluation = ended.id;
    INSERT INTO affine.attempt_sum
    SELECT a.window_id, a.evaluation, a.environment, a.worker, a.outcome, a.error_code, count(*), count(*) FILTER (WHERE a.final),
           sum(a.duration_ms), COALESCE(sum(a.prompt_tokens), 0), COALESCE(sum(a.completion_tokens), 0),
           date_trunc('minute', min(a.ended_at)), date_trunc('minute', max(a.ended_at))
    FROM affine.attempt a WHERE a.window_id = ended.window_id AND a.evaluation = ended.id GROUP BY 1, 2, 3, 4, 5, 6;
    UPDATE affine.evaluation SET is_summed = true WHERE id = ended.id;
    RETURN ended.id;
END $$;

-- As before, but the tasks of an evaluation are unpacked once, not once for each job.
CREATE OR REPLACE VIEW ops.job AS
SELECT e.window_id, e.id AS evaluation, e.hotkey, n.name AS environment, job.position, job.task_id,
       CASE WHEN a.final THEN a.outcome::text
            WHEN w.window_id IS NOT NULL THEN 'archived'
            WHEN e.state <> 'running' THEN 'cancelled'
            WHEN l.id IS NOT NULL THEN 'leased'
            WHEN job.position >= ee.planned THEN 'spare'
            ELSE 'ready' END AS state,
       a.score_nano / 1e9 AS score, a.error_code, COALESCE(a.attempt, l.attempt) AS attempt, l.worker, a.ended_at
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
LEFT JOIN affine.window_archive w ON w.window_id = e.window_id
CROSS JOIN LATERAL (SELECT place::integer - 1 AS position, task AS task_id FROM affine.places(ee.task_ids)) AS job
LEFT JOIN affine.attempt a ON a.window_id = e.window_id AND a.evaluation = e.id AND a.environment = ee.environment
     AND a.position = job.position AND a.final
LEFT JOIN LATERAL (
    SELECT held.id, held.worker, held.attempt FROM affine.lease held
    WHERE a.evaluation IS NULL AND held.evaluation = e.id AND held.environment = ee.environment
      AND held.positions @> job.position
    ORDER BY held.attempt DESC LIMIT 1) AS l ON true;

ANALYZE affine.attempt;

RESET ROLE;
