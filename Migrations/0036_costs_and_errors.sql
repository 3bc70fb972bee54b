-- What evaluating costs, and what errors point to.

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

CREATE VIEW ops.error AS
WITH share AS (
    SELECT t.window_id, t.environment, t.outcome, t.error_code, t.worker, sum(t.tries) AS tries, sum(t.jobs) AS jobs,
           min(t.first_minute) AS first_seen, max(t.last_minute) AS last_seen
    FROM affine.attempt_tally t GROUP BY t.window_id, t.environment, t.outcome, t.error_code, t.worker
), crew AS (
    SELECT window_id, environment, count(DISTINCT worker) AS workers FROM share GROUP BY window_id, environment
), seen AS (
    SELECT t.window_id, t.environment, t.outcome, t.error_code, count(*) AS tasks
    FROM (SELECT * FROM affine.error_task
          UNION
          SELECT * FROM affine.error_tasks((SELECT until FROM affine.attempt_watermark), 'infinity')) AS t
    GROUP BY t.window_id, t.environment, t.outcome, t.error_code
), recent AS (
    SELECT m.window_id, n.id AS environment, m.outcome, m.error_code, sum(m.tries)::bigint AS last_hour,
           COALESCE(sum(m.tries) FILTER (WHERE m.minute > now() - interval '5 minutes'), 0)::bigint AS last_5_min
    FROM ops.attempt_minute m JOIN affine.environment n ON n.name = m.environment
    WHERE m.minute > now() - interval '1 hour' AND m.error_code IS NOT NULL
    GROUP BY m.window_id, n.id, m.outcome, m.error_code
), summed AS (
    SELECT window_id, environment, outcome, error_code, sum(tries)::bigint AS tries, sum(jobs)::bigint AS jobs,
           count(worker) AS workers, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM share WHERE error_code IS NOT NULL GROUP BY window_id, environment, outcome, error_code
)
SELECT s.window_id, s.outcome::text AS outcome, s.error_code, n.name AS environment, s.tries, s.jobs, t.tasks, s.workers,
       CASE WHEN s.outcome = 'model_fault' THEN 'the model'
            WHEN t.tasks = 1 AND s.workers > 1 THEN 'the task'
            WHEN t.tasks > 1 AND s.workers = 1 AND c.workers > 1 THEN 'the worker'
            WHEN t.tasks > 1 AND s.workers > 1 THEN 'what serves the model, or the environment' END AS points_to,
       s.first_seen, s.last_seen, COALESCE(r.last_5_min, 0) AS last_5_min, COALESCE(r.last_hour, 0) AS last_hour
FROM summed s
JOIN affine.environment n ON n.id = s.environment
JOIN crew c ON c.window_id = s.window_id AND c.environment = s.environment
JOIN seen t ON t.window_id = s.window_id AND t.environment = s.environment AND t.outcome = s.outcome
     AND t.error_code = s.error_code
LEFT JOIN recent r ON r.window_id = s.window_id AND r.environment = s.environment AND r.outcome = s.outcome::text
     AND r.error_code = s.error_code;
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
    SELECT t.window_id, t.evaluation, t.environment, sum(t.tries)::bigint AS tries, sum(t.jobs)::bigint AS jobs,
           COALESCE(sum(t.jobs) FILTER (WHERE t.outcome = 'scored'), 0)::bigint AS scored,
           sum(t.prompt_tokens)::bigint AS prompt_tokens, sum(t.completion_tokens)::bigint AS completion_tokens,
           sum(t.duration_ms / 3.6e6::float8 / w.concurrency) AS worker_hours,
           sum(t.duration_ms / 3.6e6::float8 / w.concurrency * w.hourly_price) AS money
    FROM affine.attempt_tally t LEFT JOIN affine.worker w ON w.id = t.worker
    GROUP BY t.window_id, t.evaluation, t.environment
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
LEFT JOIN spent s ON s.window_id = e.window_id AND s.evaluation = e.id AND s.environment = n.id
LEFT JOIN affine.contest c ON c.challenger_evaluation = e.id
LEFT JOIN affine.contest_environment b ON b.contest = c.id AND b.environment = n.id AND c.state = 'decided'
CROSS JOIN LATERAL (
    SELECT COALESCE(b.tasks - COALESCE(s.jobs, 0), 0) AS jobs_saved) AS v
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
    SELECT s.window_id, s.worker, sum(s.duration_ms / 3.6e6::float8 / c.concurrency) AS hours
    FROM affine.attempt_tally s JOIN affine.worker c ON c.id = s.worker GROUP BY s.window_id, s.worker) AS u
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
