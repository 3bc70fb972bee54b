-- What attempts took, on which tasks they failed, and how workers' scores differ, summed as evaluations go on and end: so that no view
-- reads the history.

SET LOCAL ROLE affine_owner;

-- Each task that an error was seen on, once. Summed as attempts are.
CREATE TABLE affine.error_task (
    window_id   bigint         NOT NULL,
    environment smallint       NOT NULL,
    outcome     affine.outcome NOT NULL,
    error_code  text           NOT NULL,
    task        bigint         NOT NULL,
    PRIMARY KEY (window_id, environment, outcome, error_code, task)
);
SELECT affine.make_append_only('affine.error_task');

-- The same of the attempts of some time.
CREATE FUNCTION affine.error_tasks(since timestamptz, moment timestamptz) RETURNS SETOF affine.error_task
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT a.window_id, a.environment, a.outcome, a.error_code, ee.task_ids[a.position + 1]
    FROM affine.attempt a
    JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
    WHERE a.error_code IS NOT NULL AND a.ended_at >= since AND a.ended_at < moment
$$;
REVOKE EXECUTE ON FUNCTION affine.error_tasks(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.error_tasks(timestamptz, timestamptz) TO affine_coordinator, affine_dashboard;

INSERT INTO affine.error_task
SELECT * FROM affine.error_tasks('-infinity', (SELECT until FROM affine.attempt_watermark));

-- Of jobs that count, their scores and these squared, added up.
ALTER TABLE affine.attempt_minute ADD COLUMN score_sum float8, ADD COLUMN score_squares float8;

-- Attempts, summed as `affine.attempt_minute` has them.
CREATE FUNCTION affine.attempts_by_minute(since timestamptz, moment timestamptz) RETURNS SETOF affine.attempt_minute
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.window_id, date_trunc('minute', a.ended_at), a.evaluation, a.environment, a.worker, a.outcome, a.error_code,
           count(*), count(*) FILTER (WHERE a.final), count(*) FILTER (WHERE a.final AND a.attempt > 1),
           sum(a.duration_ms), COALESCE(sum(a.prompt_tokens), 0), COALESCE(sum(a.completion_tokens), 0),
           COALESCE(sum(s.score), 0), COALESCE(sum(s.score * s.score), 0)
    FROM affine.attempt a
    JOIN affine.window_environment we ON we.window_id = a.window_id AND we.environment = a.environment
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.final AND a.outcome IN ('scored', 'model_fault')
                    THEN COALESCE(a.score_nano, we.lo_nano) / 1e9::float8 END AS score) AS s
    WHERE a.ended_at >= since AND a.ended_at < moment GROUP BY 1, 2, 3, 4, 5, 6, 7
$$;
REVOKE EXECUTE ON FUNCTION affine.attempts_by_minute(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.attempts_by_minute(timestamptz, timestamptz) TO affine_coordinator, affine_dashboard;

-- What is not summed by evaluation yet is summed by minute anew, with the scores.
ALTER TABLE affine.attempt_minute DISABLE TRIGGER append_only;
DELETE FROM affine.attempt_minute m USING affine.evaluation e WHERE e.id = m.evaluation AND NOT e.is_summed;
ALTER TABLE affine.attempt_minute ENABLE TRIGGER append_only;
INSERT INTO affine.attempt_minute
SELECT s.* FROM affine.attempts_by_minute('-infinity', (SELECT until FROM affine.attempt_watermark)) AS s
JOIN affine.evaluation e ON e.id = s.evaluation AND NOT e.is_summed;

-- As before, with the scores and the tasks of what went wrong.
CREATE OR REPLACE FUNCTION affine.sum_attempts(moment timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since timestamptz;
    made bigint;
BEGIN
    SELECT until INTO since FROM affine.attempt_watermark FOR UPDATE SKIP LOCKED;
    IF since IS NULL OR since >= moment THEN
        RETURN 0;
    END IF;
    INSERT INTO affine.attempt_minute SELECT * FROM affine.attempts_by_minute(since, moment);
    GET DIAGNOSTICS made = ROW_COUNT;
    INSERT INTO affine.error_task SELECT * FROM affine.error_tasks(since, moment) ON CONFLICT DO NOTHING;
    UPDATE affine.attempt_watermark SET until = moment;
    RETURN made;
END $$;

-- What an evaluation that ended took, by worker and by how its attempts ended.
CREATE TABLE affine.attempt_sum (
    window_id         bigint         NOT NULL,
    evaluation        bigint         NOT NULL,
    environment       smallint       NOT NULL,
    worker            uuid,
    outcome           affine.outcome NOT NULL,
    error_code        text,
    tries             bigint         NOT NULL CHECK (tries >= 1),
    jobs              bigint         NOT NULL CHECK (jobs BETWEEN 0 AND tries),
    duration_ms       bigint         NOT NULL,
    prompt_tokens     bigint         NOT NULL,
    completion_tokens bigint         NOT NULL,
    first_minute      timestamptz    NOT NULL,
    last_minute       timestamptz    NOT NULL,
    UNIQUE NULLS NOT DISTINCT (window_id, evaluation, environment, worker, outcome, error_code)
);
SELECT affine.make_append_only('affine.attempt_sum');

INSERT INTO affine.attempt_sum
SELECT m.window_id, m.evaluation, m.environment, m.worker, m.outcome, m.error_code, sum(m.tries), sum(m.jobs), sum(m.duration_ms),
       sum(m.prompt_tokens), sum(m.completion_tokens), min(m.minute), max(m.minute)
FROM (SELECT * FROM affine.attempt_minute
      UNION ALL
      SELECT * FROM affine.attempts_by_minute((SELECT until FROM affine.attempt_watermark), 'infinity')) AS m
JOIN affine.evaluation e ON e.id = m.evaluation AND e.is_summed GROUP BY 1, 2, 3, 4, 5, 6;

-- As before, with what its attempts took.
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

-- The minutes of evaluations that run or have just ended.
CREATE VIEW affine.unsummed_minute AS
SELECT m.* FROM affine.evaluation e JOIN affine.attempt_minute m ON m.evaluation = e.id WHERE NOT e.is_summed
UNION ALL
SELECT m.* FROM affine.attempts_by_minute((SELECT until FROM affine.attempt_watermark), 'infinity') AS m
JOIN affine.evaluation e ON e.id = m.evaluation WHERE NOT e.is_summed;

-- The same as `affine.attempt_sum` of all evaluations, whether they have ended or not.
CREATE VIEW affine.attempt_tally AS
SELECT window_id, evaluation, environment, worker, outcome, error_code, tries, jobs, duration_ms, prompt_tokens, completion_tokens,
       first_minute, last_minute
FROM affine.attempt_sum
UNION ALL
SELECT m.window_id, m.evaluation, m.environment, m.worker, m.outcome, m.error_code, sum(m.tries), sum(m.jobs), sum(m.duration_ms),
       sum(m.prompt_tokens), sum(m.completion_tokens), min(m.minute), max(m.minute)
FROM affine.unsummed_minute m GROUP BY 1, 2, 3, 4, 5, 6;

-- Of an evaluation that runs: how each worker's scores differ from the mean of all, whatever the champion's make likely of them.
CREATE VIEW affine.running_residual AS
SELECT p.window_id, p.evaluation, p.environment, p.worker, p.jobs, p.score_sum - p.jobs * p.mean AS total,
       GREATEST(p.score_squares - 2 * p.mean * p.score_sum + p.jobs * p.mean * p.mean, 0) AS squares
FROM (
    SELECT m.window_id, m.evaluation, m.environment, m.worker, sum(m.jobs)::bigint AS jobs, sum(m.score_sum) AS score_sum,
           sum(m.score_squares) AS score_squares, sum(sum(m.score_sum)) OVER pass / (sum(sum(m.jobs)) OVER pass)::float8 AS mean
    FROM affine.unsummed_minute m
    JOIN affine.evaluation e ON e.id = m.evaluation AND e.state = 'running'
    WHERE m.worker IS NOT NULL AND m.outcome IN ('scored', 'model_fault') AND m.jobs > 0
    GROUP BY m.window_id, m.evaluation, m.environment, m.worker
    WINDOW pass AS (PARTITION BY m.window_id, m.evaluation, m.environment)) AS p;

-- As before, of evaluations that ended and are not summed yet.
CREATE OR REPLACE VIEW affine.live_residual AS
WITH result AS (
    SELECT a.window_id, a.evaluation, a.environment, a.worker, COALESCE(a.score_nano, we.lo_nano) / 1e9::float8 AS score,
           COALESCE(b.score_nano, we.lo_nano) / 1e9::float8 AS predictor
    FROM affine.attempt a
    JOIN affine.evaluation e ON e.window_id = a.window_id AND e.id = a.evaluation AND e.state <> 'running'
         AND NOT e.is_summed
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

-- As before, but an evaluation that runs is told by its sums until it ends.
CREATE OR REPLACE VIEW ops.worker_residuals AS
WITH share AS (
    SELECT s.window_id, s.worker, s.jobs, s.total, sum(s.squares) OVER pass AS squares, sum(s.jobs) OVER pass AS all_jobs
    FROM (SELECT window_id, evaluation, environment, worker, jobs, total, squares FROM affine.worker_residual
          UNION ALL
          SELECT window_id, evaluation, environment, worker, jobs, total, squares FROM affine.live_residual
          UNION ALL
          SELECT window_id, evaluation, environment, worker, jobs, total, squares FROM affine.running_residual) AS s
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
COMMENT ON VIEW ops.worker_residuals IS
    'whether a worker''s results of a window are higher or lower than those of others on the same models; an evaluation tells more '
    'once it has ended: then each result is held against what the champion scored on the task';

RESET ROLE;
