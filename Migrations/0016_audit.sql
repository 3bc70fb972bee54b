-- Whether one worker's machine shifts scores, and what an auditor reads.

SET LOCAL ROLE affine_owner;

GRANT SELECT ON affine.event_head TO affine_coordinator;

-- Who runs a task has nothing to do with how hard it is, but when it runs may: a challenger begins with what the champion
-- failed. So scores of challengers are first predicted from the champion's on the same task, by a line fitted to all workers'
-- results of that evaluation and environment. Without effect of the worker its n of N residuals there are drawn without
-- replacement, so their sum has mean 0 and variance s^2 n (1 - n/N).
CREATE VIEW ops.worker_residuals AS
WITH baseline AS (
    SELECT w.id AS window_id, a.evaluation, a.environment, ee.task_ids[a.position + 1] AS task, a.score_nano
    FROM affine.task_window w
    JOIN affine.attempt a ON a.window_id = w.id AND a.evaluation = w.baseline_evaluation AND a.final
    JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
), result AS (
    SELECT a.window_id, a.evaluation, a.environment, a.worker, COALESCE(a.score_nano, we.lo_nano) / 1e9::float8 AS score,
           COALESCE(b.score_nano, we.lo_nano) / 1e9::float8 AS predictor
    FROM affine.attempt a
    JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
    JOIN affine.window_environment we ON we.window_id = a.window_id AND we.environment = a.environment
    LEFT JOIN baseline b ON b.window_id = a.window_id AND b.environment = a.environment
         AND b.task = ee.task_ids[a.position + 1] AND b.evaluation <> a.evaluation
    WHERE a.final AND a.outcome IN ('scored', 'model_fault') AND a.worker IS NOT NULL
), fit AS (
    SELECT window_id, evaluation, environment, avg(score) AS mean, avg(predictor) AS predictor,
           COALESCE(regr_slope(score, predictor), 0) AS slope
    FROM result GROUP BY window_id, evaluation, environment
), residual AS (
    SELECT r.window_id, r.evaluation, r.environment, r.worker,
           r.score - f.mean - f.slope * (r.predictor - f.predictor) AS residual
    FROM result r JOIN fit f USING (window_id, evaluation, environment)
), share AS (
    SELECT window_id, evaluation, environment, worker, count(*) AS jobs, sum(residual) AS total,
           sum(sum(residual * residual)) OVER pass AS squares, sum(count(*)) OVER pass AS all_jobs
    FROM residual GROUP BY window_id, evaluation, environment, worker
    WINDOW pass AS (PARTITION BY window_id, evaluation, environment)
), summed AS (
    SELECT window_id, worker, sum(jobs)::bigint AS jobs, sum(total) AS total,
           sum(CASE WHEN all_jobs > 1 THEN squares / (all_jobs - 1) * jobs * (1 - jobs / all_jobs) ELSE 0 END) AS variance
    FROM share GROUP BY window_id, worker
)
SELECT s.window_id, s.worker, w.name, w.lane::text AS lane, s.jobs, s.total / s.jobs AS mean_residual,
       CASE WHEN s.variance > 1e-12 THEN s.total / sqrt(s.variance) END AS z,
       s.jobs > 50 AND s.variance > 1e-12 AND abs(s.total / sqrt(s.variance)) > 4.5 AS is_outlier
FROM summed s JOIN affine.worker w ON w.id = s.worker;
COMMENT ON VIEW ops.worker_residuals IS
    'whether a worker''s results of a window are higher or lower than those of others on the same models';
COMMENT ON COLUMN ops.worker_residuals.window_id IS 'the window';
COMMENT ON COLUMN ops.worker_residuals.worker IS 'the worker''s id, as af contest whatif --drop-worker takes it';
COMMENT ON COLUMN ops.worker_residuals.name IS 'its name';
COMMENT ON COLUMN ops.worker_residuals.lane IS 'where its models are served';
COMMENT ON COLUMN ops.worker_residuals.jobs IS 'its final results that count';
COMMENT ON COLUMN ops.worker_residuals.mean_residual IS
    'by how much its scores exceed, on average, what the model scores elsewhere on such tasks';
COMMENT ON COLUMN ops.worker_residuals.z IS
    'the same in standard errors; near 0 unless the machine shifts scores; null where it ran everything alone';
COMMENT ON COLUMN ops.worker_residuals.is_outlier IS 'over 50 results and more than 4.5 standard errors';
GRANT SELECT ON ops.worker_residuals TO affine_coordinator, affine_dashboard;

RESET ROLE;
