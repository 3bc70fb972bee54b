-- Evaluations are summed once they have ended, so that no view reads their history again.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.evaluation ADD COLUMN is_summed boolean NOT NULL DEFAULT false, ADD CHECK (NOT is_summed OR state <> 'running');
CREATE INDEX evaluation_unsummed ON affine.evaluation (id) WHERE state <> 'running' AND NOT is_summed;

-- An evaluation's final results in each environment with jobs of its own.
CREATE TABLE affine.evaluation_sum (
    evaluation     bigint   NOT NULL,
    environment    smallint NOT NULL,
    finished       bigint   NOT NULL CHECK (finished >= 0),
    scored         bigint   NOT NULL CHECK (scored BETWEEN 0 AND finished),
    score_sum_nano bigint,
    PRIMARY KEY (evaluation, environment),
    FOREIGN KEY (evaluation, environment) REFERENCES affine.evaluation_environment
);
SELECT affine.make_append_only('affine.evaluation_sum');

-- What a worker's results in it have above those of others, as `affine.live_residual` tells.
CREATE TABLE affine.worker_residual (
    window_id   bigint   NOT NULL,
    evaluation  bigint   NOT NULL,
    environment smallint NOT NULL,
    worker      uuid     NOT NULL,
    jobs        bigint   NOT NULL CHECK (jobs >= 1),
    total       float8   NOT NULL,
    squares     float8   NOT NULL CHECK (squares >= 0),
    PRIMARY KEY (window_id, evaluation, environment, worker)
);
SELECT affine.make_append_only('affine.worker_residual');

-- The tasks of an evaluation's jobs by place, from 1. The planner takes an array of unknown length for ten elements, and then looks
-- through all of them for each job.
CREATE FUNCTION affine.places(task_ids bigint[]) RETURNS TABLE (task bigint, place bigint)
LANGUAGE plpgsql IMMUTABLE ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT t.id, t.ordinal FROM unnest(task_ids) WITH ORDINALITY AS t (id, ordinal);
END $$;
REVOKE EXECUTE ON FUNCTION affine.places(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.places(bigint[]) TO affine_coordinator, affine_dashboard;

-- Of evaluations that are not summed: how each result differs from the mean of its evaluation's in that environment, beside what
-- the champion's score on the same task makes likely; added up by worker, with the squares.
CREATE VIEW affine.live_residual AS
WITH result AS (
    SELECT a.window_id, a.evaluation, a.environment, a.worker, COALESCE(a.score_nano, we.lo_nano) / 1e9::float8 AS score,
           COALESCE(b.score_nano, we.lo_nano) / 1e9::float8 AS predictor
    FROM affine.attempt a
    JOIN affine.evaluation e ON e.window_id = a.window_id AND e.id = a.evaluation AND NOT e.is_summed
    JOIN (affine.evaluation_environment ee CROSS JOIN LATERAL affine.places(ee.task_ids) AS t)
      ON ee.evaluation = e.id AND ee.environment = a.environment AND t.place = a.position + 1
    JOIN affine.window_environment we ON we.window_id = a.window_id AND we.environment = a.environment
    LEFT JOIN (
        SELECT w.id AS window_id, ba.evaluation, ba.environment, bt.task, ba.score_nano
        FROM affine.task_window w
        JOIN affine.attempt ba ON ba.window_id = w.id AND ba.evaluation = w.baseline_evaluation AND ba.final
        JOIN (affine.evaluation_environment be CROSS JOIN LATERAL affine.places(be.task_ids) AS bt)
          ON be.evaluation = w.baseline_evaluation AND be.environment = ba.environment AND bt.place = ba.position + 1) AS b
      ON b.window_id = a.window_id AND b.environment = a.environment AND b.task = t.task AND b.evaluation <> a.evaluation
    WHERE a.final AND a.outcome IN ('scored', 'model_fault') AND a.worker IS NOT NULL
), residual AS (
    SELECT window_id, evaluation, environment, worker,
           score - avg(score) OVER pass
               - COALESCE(regr_slope(score, predictor) OVER pass, 0) * (predictor - avg(predictor) OVER pass) AS residual
    FROM result WINDOW pass AS (PARTITION BY window_id, evaluation, environment)
)
SELECT window_id, evaluation, environment, worker, count(*) AS jobs, sum(residual) AS total, sum(residual * residual) AS squares
FROM residual GROUP BY window_id, evaluation, environment, worker;

-- Sums the oldest evaluation that ended, which has all the results that it will ever have. Returns its number; null where nothing
-- is left to do. Coordinators that are at it at once take one each.
CREATE FUNCTION affine.sum_ended() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended record;
BEGIN
    SELECT e.id, e.window_id INTO ended FROM affine.evaluation e WHERE e.state <> 'running' AND NOT e.is_summed
    ORDER BY e.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO affine.evaluation_sum (evaluation, environment, finished, scored, score_sum_nano)
    SELECT ended.id, ee.environment, count(a.final), count(*) FILTER (WHERE a.outcome = 'scored'), sum(a.score_nano)::bigint
    FROM affine.evaluation_environment ee
    LEFT JOIN affine.attempt a ON a.window_id = ended.window_id AND a.evaluation = ended.id AND a.environment = ee.environment
         AND a.final
    WHERE ee.evaluation = ended.id GROUP BY ee.environment;
    INSERT INTO affine.worker_residual (window_id, evaluation, environment, worker, jobs, total, squares)
    SELECT r.window_id, r.evaluation, r.environment, r.worker, r.jobs, r.total, r.squares
    FROM affine.live_residual r WHERE r.window_id = ended.window_id AND r.evaluation = ended.id;
    UPDATE affine.evaluation SET is_summed = true WHERE id = ended.id;
    RETURN ended.id;
END $$;
REVOKE EXECUTE ON FUNCTION affine.sum_ended() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.sum_ended() TO affine_coordinator;

-- As before, from the sums where there are some.
CREATE OR REPLACE VIEW ops.evaluation_progress AS
SELECT e.id AS evaluation, e.window_id, e.hotkey, e.model, e.revision, e.round, e.state::text AS state, n.name AS environment,
       ee.planned, done.finished, done.scored, done.finished - done.scored AS faults, done.score_sum_nano
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
CROSS JOIN LATERAL (
    SELECT s.finished, s.scored, s.score_sum_nano
    FROM affine.evaluation_sum s WHERE e.is_summed AND s.evaluation = e.id AND s.environment = ee.environment
    UNION ALL
    SELECT count(*), count(*) FILTER (WHERE a.outcome = 'scored'), sum(a.score_nano)::bigint
    FROM affine.attempt a
    WHERE NOT e.is_summed AND a.window_id = e.window_id AND a.evaluation = e.id AND a.environment = ee.environment AND a.final
    HAVING NOT e.is_summed) AS done;

CREATE OR REPLACE VIEW ops.worker_residuals AS
WITH share AS (
    SELECT s.window_id, s.worker, s.jobs, s.total, sum(s.squares) OVER pass AS squares, sum(s.jobs) OVER pass AS all_jobs
    FROM (SELECT window_id, evaluation, environment, worker, jobs, total, squares FROM affine.worker_residual
          UNION ALL
          SELECT window_id, evaluation, environment, worker, jobs, total, squares FROM affine.live_residual) AS s
    WINDOW pass AS (PARTITION BY s.window_id, s.evaluation, s.environment)
), summed AS (
    SELECT window_id, worker, sum(jobs)::bigint AS jobs, sum(total) AS total,
           sum(CASE WHEN all_jobs > 1 THEN squares / (all_jobs - 1) * jobs * (1 - jobs / all_jobs) ELSE 0 END) AS variance
    FROM share GROUP BY window_id, worker
)
SELECT s.window_id, s.worker, w.name, w.lane::text AS lane, s.jobs, s.total / s.jobs AS mean_residual,
       CASE WHEN s.variance > 1e-12 THEN s.total / sqrt(s.variance) END AS z,
       s.jobs > 50 AND s.variance > 1e-12 AND abs(s.total / sqrt(s.variance)) > 4.5 AS is_outlier
FROM summed s JOIN affine.worker w ON w.id = s.worker;

RESET ROLE;
