-- What evaluating costs, and on how many tasks an error was seen.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.worker ADD COLUMN hourly_price float8
    CHECK (hourly_price >= 0 AND hourly_price < 'infinity');

-- Workers of before know no price and call it without one.
DROP FUNCTION affine.register_worker(uuid, text, text, integer, integer);
CREATE FUNCTION affine.register_worker(worker_id uuid, worker_name text, worker_lane text, concurrency integer, ttl_ms integer,
                                       hourly_price float8 DEFAULT NULL)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO affine.worker (id, name, lane, concurrency, ttl_ms, hourly_price)
    VALUES (worker_id, worker_name, worker_lane::affine.lane, concurrency, ttl_ms, hourly_price)
$$;
REVOKE EXECUTE ON FUNCTION affine.register_worker(uuid, text, text, integer, integer, float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.register_worker(uuid, text, text, integer, integer, float8) TO affine_worker;

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

-- The same of attempts that are not summed.
CREATE VIEW affine.recent_error_task AS
SELECT a.window_id, a.environment, a.outcome, a.error_code, ee.task_ids[a.position + 1] AS task, a.ended_at
FROM affine.attempt a
JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
WHERE a.error_code IS NOT NULL AND a.ended_at >= (SELECT until FROM affine.attempt_watermark);

INSERT INTO affine.error_task (window_id, environment, outcome, error_code, task)
SELECT DISTINCT a.window_id, a.environment, a.outcome, a.error_code, ee.task_ids[a.position + 1]
FROM affine.attempt a
JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
WHERE a.error_code IS NOT NULL AND a.ended_at < (SELECT until FROM affine.attempt_watermark);

-- As before, and the tasks of what went wrong.
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
    INSERT INTO affine.attempt_minute
    SELECT a.window_id, date_trunc('minute', a.ended_at), a.evaluation, a.environment, a.worker, a.outcome, a.error_code,
           count(*), count(*) FILTER (WHERE a.final), count(*) FILTER (WHERE a.final AND a.attempt > 1),
           sum(a.duration_ms), COALESCE(sum(a.prompt_tokens), 0), COALESCE(sum(a.completion_tokens), 0)
    FROM affine.attempt a WHERE a.ended_at >= since AND a.ended_at < moment GROUP BY 1, 2, 3, 4, 5, 6, 7;
    GET DIAGNOSTICS made = ROW_COUNT;
    INSERT INTO affine.error_task (window_id, environment, outcome, error_code, task)
    SELECT DISTINCT r.window_id, r.environment, r.outcome, r.error_code, r.task
    FROM affine.recent_error_task r WHERE r.ended_at < moment
    ON CONFLICT DO NOTHING;
    UPDATE affine.attempt_watermark SET until = moment;
    RETURN made;
END $$;

CREATE VIEW ops.error AS
WITH share AS (
    SELECT m.window_id, m.environment, m.outcome, m.error_code, m.worker, sum(m.tries) AS tries, sum(m.jobs) AS jobs,
           min(m.minute) AS first_seen, max(m.minute) AS last_seen,
           sum(m.tries) FILTER (WHERE m.minute > now() - interval '5 minutes') AS last_5_min,
           sum(m.tries) FILTER (WHERE m.minute > now() - interval '1 hour') AS last_hour
    FROM ops.attempt_minute m GROUP BY m.window_id, m.environment, m.outcome, m.error_code, m.worker
), crew AS (
    SELECT window_id, environment, count(DISTINCT worker) AS workers FROM share GROUP BY window_id, environment
), seen AS (
    SELECT t.window_id, n.name AS environment, t.outcome::text AS outcome, t.error_code, count(*) AS tasks
    FROM (SELECT window_id, environment, outcome, error_code, task FROM affine.error_task
          UNION
          SELECT window_id, environment, outcome, error_code, task FROM affine.recent_error_task) AS t
    JOIN affine.environment n ON n.id = t.environment GROUP BY t.window_id, n.name, t.outcome, t.error_code
), summed AS (
    SELECT s.window_id, s.outcome, s.error_code, s.environment, sum(s.tries)::bigint AS tries, sum(s.jobs)::bigint AS jobs,
           count(s.worker) AS workers, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen,
           COALESCE(sum(s.last_5_min), 0)::bigint AS last_5_min, COALESCE(sum(s.last_hour), 0)::bigint AS last_hour
    FROM share s WHERE s.error_code IS NOT NULL GROUP BY s.window_id, s.outcome, s.error_code, s.environment
)
SELECT s.window_id, s.outcome, s.error_code, s.environment, s.tries, s.jobs, t.tasks, s.workers,
       CASE WHEN s.outcome = 'model_fault' THEN 'the model'
            WHEN t.tasks = 1 AND s.workers > 1 THEN 'the task'
            WHEN t.tasks > 1 AND s.workers = 1 AND c.workers > 1 THEN 'the worker'
            WHEN t.tasks > 1 AND s.workers > 1 THEN 'what serves the model, or the environment' END AS points_to,
       s.first_seen, s.last_seen, s.last_5_min, s.last_hour
FROM summed s
JOIN crew c USING (window_id, environment)
JOIN seen t USING (window_id, outcome, error_code, environment);
COMMENT ON VIEW ops.error IS 'each kind of error of a window: how often, on how many tasks and workers, and what that points to';
COMMENT ON COLUMN ops.error.window_id IS 'the window';
COMMENT ON COLUMN ops.error.outcome IS 'how the attempts ended';
COMMENT ON COLUMN ops.error.error_code IS 'what went wrong';
COMMENT ON COLUMN ops.error.environment IS 'the environment''s name';
COMMENT ON COLUMN ops.error.tries IS 'attempts that ended so';
COMMENT ON COLUMN ops.error.jobs IS 'those of them that were final';
COMMENT ON COLUMN ops.error.tasks IS 'how many different tasks it was seen on';
COMMENT ON COLUMN ops.error.workers IS 'how many different workers saw it';
COMMENT ON COLUMN ops.error.points_to IS
    'what is likely at fault: one task on many workers, many tasks on one worker, or many of both; null where too little is known';
COMMENT ON COLUMN ops.error.first_seen IS 'the minute of the first';
COMMENT ON COLUMN ops.error.last_seen IS 'the minute of the last';
COMMENT ON COLUMN ops.error.last_5_min IS 'attempts of the last 5 minutes';
COMMENT ON COLUMN ops.error.last_hour IS 'attempts of the last hour';

CREATE VIEW ops.cost AS
WITH spent AS (
    SELECT m.window_id, m.evaluation, m.environment, sum(m.tries)::bigint AS tries, sum(m.jobs)::bigint AS jobs,
           COALESCE(sum(m.jobs) FILTER (WHERE m.outcome = 'scored'), 0)::bigint AS scored,
           sum(m.prompt_tokens)::bigint AS prompt_tokens, sum(m.completion_tokens)::bigint AS completion_tokens,
           sum(m.seconds / w.concurrency / 3600)::float8 AS worker_hours,
           sum(m.seconds / w.concurrency / 3600 * w.hourly_price)::float8 AS money
    FROM ops.attempt_minute m LEFT JOIN affine.worker w ON w.id = m.worker
    GROUP BY m.window_id, m.evaluation, m.environment
)
SELECT e.window_id, e.id AS evaluation, e.hotkey, e.model, e.revision,
       CASE WHEN c.id IS NOT NULL THEN 'challenger'
            WHEN EXISTS (SELECT FROM affine.task_window b WHERE b.baseline_evaluation = e.id)
              OR EXISTS (SELECT FROM affine.contest b WHERE b.window_id = e.window_id AND b.champion_evaluation = e.id)
                 THEN 'champion'
            ELSE 'ahead' END AS side,
       c.id AS contest, n.name AS environment, COALESCE(s.tries, 0) AS tries, COALESCE(s.jobs, 0) AS jobs,
       COALESCE(s.scored, 0) AS scored, (s.tries - s.jobs)::float8 / s.tries AS retries_share,
       COALESCE(s.prompt_tokens, 0) AS prompt_tokens, COALESCE(s.completion_tokens, 0) AS completion_tokens,
       COALESCE(s.worker_hours, 0) AS worker_hours, s.money, s.money / NULLIF(s.scored, 0) AS money_per_score,
       v.jobs_saved, v.jobs_saved * sum(s.money) OVER everyone / NULLIF(sum(s.jobs) OVER everyone, 0)::float8 AS money_saved
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
LEFT JOIN spent s ON s.window_id = e.window_id AND s.evaluation = e.id AND s.environment = n.name
LEFT JOIN affine.contest c ON c.challenger_evaluation = e.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.state = 'decided' THEN cardinality(ee.task_ids) - COALESCE(s.jobs, 0) ELSE 0 END AS jobs_saved) AS v
WINDOW everyone AS (PARTITION BY e.window_id, n.name);
COMMENT ON VIEW ops.cost IS 'what each evaluation cost in each environment; money in the unit of the workers'' prices';
COMMENT ON COLUMN ops.cost.window_id IS 'the window';
COMMENT ON COLUMN ops.cost.evaluation IS 'whose jobs they were';
COMMENT ON COLUMN ops.cost.hotkey IS 'whose model';
COMMENT ON COLUMN ops.cost.model IS 'the model';
COMMENT ON COLUMN ops.cost.revision IS 'its revision';
COMMENT ON COLUMN ops.cost.side IS
    'challenger; champion, whose cost all contests of the window share; ahead: of a challenger whose contest has not begun';
COMMENT ON COLUMN ops.cost.contest IS 'the challenger''s contest; null for the others';
COMMENT ON COLUMN ops.cost.environment IS 'the environment''s name';
COMMENT ON COLUMN ops.cost.tries IS 'attempts that ended';
COMMENT ON COLUMN ops.cost.jobs IS 'those that were final';
COMMENT ON COLUMN ops.cost.scored IS 'jobs that ended with a score';
COMMENT ON COLUMN ops.cost.retries_share IS 'the share of the attempts, 0 to 1, that ended no job; null without attempts';
COMMENT ON COLUMN ops.cost.prompt_tokens IS 'tokens that the model read, where they were counted';
COMMENT ON COLUMN ops.cost.completion_tokens IS 'tokens that the model wrote, where they were counted';
COMMENT ON COLUMN ops.cost.worker_hours IS
    'hours of whole workers: how long the attempts took, divided by how many the worker runs at once';
COMMENT ON COLUMN ops.cost.money IS 'those hours at the prices of the workers; null where none has a price';
COMMENT ON COLUMN ops.cost.money_per_score IS 'money for each job that ended with a score';
COMMENT ON COLUMN ops.cost.jobs_saved IS 'jobs that a decided contest did not need';
COMMENT ON COLUMN ops.cost.money_saved IS 'what these would have cost at the mean price of the window''s jobs in the environment';

-- With its idle hours a worker costs more than what its jobs account for.
CREATE VIEW ops.worker_cost AS
SELECT t.id AS window_id, w.id AS worker, w.name, w.lane::text AS lane, w.hourly_price, h.hours,
       COALESCE(u.hours, 0) AS used_hours, h.hours * w.hourly_price AS money
FROM affine.task_window t
CROSS JOIN affine.worker w
CROSS JOIN LATERAL (
    SELECT (extract(epoch FROM LEAST(COALESCE(w.stopped_at, w.seen_at), t.closed_at) - GREATEST(w.started_at, t.opened_at))
            / 3600)::float8 AS hours) AS h
LEFT JOIN (
    SELECT m.window_id, m.worker, sum(m.seconds / c.concurrency / 3600)::float8 AS hours
    FROM ops.attempt_minute m JOIN affine.worker c ON c.id = m.worker GROUP BY m.window_id, m.worker) AS u
  ON u.window_id = t.id AND u.worker = w.id
WHERE h.hours >= 0;
COMMENT ON VIEW ops.worker_cost IS 'what each worker cost while a window was open, and for how much of that it had jobs';
COMMENT ON COLUMN ops.worker_cost.window_id IS 'the window';
COMMENT ON COLUMN ops.worker_cost.worker IS 'the worker''s id';
COMMENT ON COLUMN ops.worker_cost.name IS 'its name';
COMMENT ON COLUMN ops.worker_cost.lane IS 'its lane';
COMMENT ON COLUMN ops.worker_cost.hourly_price IS 'what an hour of it costs, as it said when it registered; null where it did not';
COMMENT ON COLUMN ops.worker_cost.hours IS 'how long it was there while the window was open';
COMMENT ON COLUMN ops.worker_cost.used_hours IS
    'of these, what its attempts account for if it always ran as many as it can at once';
COMMENT ON COLUMN ops.worker_cost.money IS 'its hours at its price';

GRANT SELECT ON ops.error, ops.cost, ops.worker_cost TO affine_coordinator, affine_dashboard;

RESET ROLE;
