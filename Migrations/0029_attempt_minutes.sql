-- What dashboards ask of the history, summed as it is made, so that no panel reads all of it.

-- The planner takes what these views could read for what they will, and compiles a query of 30 ms for two seconds.
DO $$
BEGIN
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
    END IF;
END $$;

SET LOCAL ROLE affine_owner;

-- Attempts are kept in the order in which they end, which is what makes an index of ranges of pages enough.
CREATE OR REPLACE FUNCTION affine.index_attempts(window_id bigint, partition_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX one_final_attempt_%s ON %s (evaluation, environment, position, '
                   '(CASE WHEN final THEN 0::smallint WHEN backup THEN -attempt ELSE attempt END))', window_id, partition_name);
    EXECUTE format('CREATE INDEX attempt_ended_%s ON %s USING brin (ended_at) WITH (pages_per_range = 32, autosummarize = on)',
                   window_id, partition_name);
END $$;

DO $$
DECLARE
    partition record;
BEGIN
    FOR partition IN SELECT w.id, to_regclass('affine.attempt_window_' || w.id) AS name FROM affine.task_window w LOOP
        CONTINUE WHEN partition.name IS NULL;
        EXECUTE format('CREATE INDEX attempt_ended_%s ON %s USING brin (ended_at) '
                       'WITH (pages_per_range = 32, autosummarize = on)', partition.id, partition.name);
    END LOOP;
END $$;

CREATE TABLE affine.attempt_minute (
    window_id         bigint         NOT NULL,
    minute            timestamptz    NOT NULL,
    evaluation        bigint         NOT NULL,
    environment       smallint       NOT NULL,
    worker            uuid,
    outcome           affine.outcome NOT NULL,
    error_code        text,
    tries             bigint         NOT NULL CHECK (tries >= 1),
    jobs              bigint         NOT NULL CHECK (jobs BETWEEN 0 AND tries),
    retried           bigint         NOT NULL CHECK (retried BETWEEN 0 AND jobs),
    duration_ms       bigint         NOT NULL,
    prompt_tokens     bigint         NOT NULL,
    completion_tokens bigint         NOT NULL
);
CREATE INDEX attempt_minute_time ON affine.attempt_minute (window_id, minute);
CREATE INDEX attempt_minute_evaluation ON affine.attempt_minute (evaluation);
CREATE INDEX attempt_minute_error ON affine.attempt_minute (window_id) WHERE error_code IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON affine.attempt_minute
    FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON affine.attempt_minute
    FOR EACH STATEMENT EXECUTE FUNCTION affine.refuse_change();

-- Attempts that ended before it are in affine.attempt_minute.
CREATE TABLE affine.attempt_watermark (
    one   boolean     PRIMARY KEY DEFAULT true CHECK (one),
    until timestamptz NOT NULL
);
INSERT INTO affine.attempt_watermark (until) VALUES ('-infinity');

-- Sums the attempts up to a moment, which has to be so long ago that no report of before is still to be committed. Returns how
-- many rows that made; none where another coordinator is at it.
CREATE FUNCTION affine.sum_attempts(moment timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
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
    UPDATE affine.attempt_watermark SET until = moment;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION affine.sum_attempts(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.sum_attempts(timestamptz) TO affine_coordinator;
SELECT affine.sum_attempts(clock_timestamp() - interval '5 minutes');

CREATE VIEW ops.attempt_minute AS
SELECT s.window_id, s.minute, s.evaluation, n.name AS environment, s.worker, s.outcome::text AS outcome, s.error_code, s.tries, s.jobs,
       s.retried, s.duration_ms / 1000.0 AS seconds, s.prompt_tokens, s.completion_tokens
FROM (
    SELECT * FROM affine.attempt_minute
    UNION ALL
    SELECT a.window_id, date_trunc('minute', a.ended_at), a.evaluation, a.environment, a.worker, a.outcome, a.error_code,
           count(*), count(*) FILTER (WHERE a.final), count(*) FILTER (WHERE a.final AND a.attempt > 1),
           sum(a.duration_ms), COALESCE(sum(a.prompt_tokens), 0), COALESCE(sum(a.completion_tokens), 0)
    FROM affine.attempt a WHERE a.ended_at >= (SELECT until FROM affine.attempt_watermark) GROUP BY 1, 2, 3, 4, 5, 6, 7) AS s
JOIN affine.environment n ON n.id = s.environment;
COMMENT ON VIEW ops.attempt_minute IS
    'attempts by the minute in which they ended: sums of the history, and what ended since; a minute may have several rows of a kind';
COMMENT ON COLUMN ops.attempt_minute.tries IS 'attempts that ended';
COMMENT ON COLUMN ops.attempt_minute.jobs IS 'those that were final';
COMMENT ON COLUMN ops.attempt_minute.retried IS 'jobs that took more than one try';
COMMENT ON COLUMN ops.attempt_minute.seconds IS 'how long the tries took, added up';
COMMENT ON COLUMN ops.attempt_minute.error_code IS 'what went wrong; null for a score';

CREATE VIEW ops.open_job AS
SELECT e.window_id, o.evaluation, n.name AS environment, o.state, sum(o.jobs)::bigint AS jobs, max(o.attempt) AS latest_try
FROM (
    SELECT r.evaluation, r.environment, CASE WHEN r.straggler IS NULL THEN 'ready' ELSE 'backup' END AS state,
           r.to_position - r.from_position + 1 AS jobs, r.attempt
    FROM affine.ready r
    UNION ALL
    SELECT l.evaluation, l.environment, 'leased', upper(r) - lower(r), l.attempt FROM affine.lease l, unnest(l.positions) AS r) AS o
JOIN affine.evaluation e ON e.id = o.evaluation
JOIN affine.environment n ON n.id = o.environment
GROUP BY e.window_id, o.evaluation, n.name, o.state;
COMMENT ON VIEW ops.open_job IS 'how many jobs wait or are held, without a row for each';
COMMENT ON COLUMN ops.open_job.state IS 'ready, leased, or backup: held by a straggler and offered to others as well';
COMMENT ON COLUMN ops.open_job.latest_try IS 'the most tries that one of them is at';
GRANT SELECT ON ops.attempt_minute, ops.open_job TO affine_coordinator, affine_dashboard;

-- As before, but each list of tasks is read once instead of once for each job, and one window's figures without the others'.
CREATE OR REPLACE VIEW ops.worker_residuals AS
WITH result AS (
    SELECT a.window_id, a.evaluation, a.environment, a.worker, COALESCE(a.score_nano, we.lo_nano) / 1e9::float8 AS score,
           COALESCE(b.score_nano, we.lo_nano) / 1e9::float8 AS predictor
    FROM affine.attempt a
    JOIN affine.evaluation e ON e.window_id = a.window_id AND e.id = a.evaluation
    JOIN (affine.evaluation_environment ee CROSS JOIN LATERAL unnest(ee.task_ids) WITH ORDINALITY AS t (task, place))
      ON ee.evaluation = e.id AND ee.environment = a.environment AND t.place = a.position + 1
    JOIN affine.window_environment we ON we.window_id = a.window_id AND we.environment = a.environment
    LEFT JOIN (
        SELECT w.id AS window_id, ba.evaluation, ba.environment, bt.task, ba.score_nano
        FROM affine.task_window w
        JOIN affine.attempt ba ON ba.window_id = w.id AND ba.evaluation = w.baseline_evaluation AND ba.final
        JOIN (affine.evaluation_environment be CROSS JOIN LATERAL unnest(be.task_ids) WITH ORDINALITY AS bt (task, place))
          ON be.evaluation = w.baseline_evaluation AND be.environment = ba.environment AND bt.place = ba.position + 1) AS b
      ON b.window_id = a.window_id AND b.environment = a.environment AND b.task = t.task AND b.evaluation <> a.evaluation
    WHERE a.final AND a.outcome IN ('scored', 'model_fault') AND a.worker IS NOT NULL
), residual AS (
    SELECT window_id, evaluation, environment, worker,
           score - avg(score) OVER pass
               - COALESCE(regr_slope(score, predictor) OVER pass, 0) * (predictor - avg(predictor) OVER pass) AS residual
    FROM result WINDOW pass AS (PARTITION BY window_id, evaluation, environment)
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

RESET ROLE;
