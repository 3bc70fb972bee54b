-- Models that are evaluated at once share the workers that serve them by weight, and runs are as long as jobs are short.
--
-- A pass is a virtual time: a run of an evaluation of weight w takes 1048576 / w of it, and the lowest pass is claimed first.
-- A model's evaluation begins at the present virtual time, so it neither waits for other models nor makes them wait;
-- evaluations of the same model follow one another.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.evaluation
    ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    -- Where its planned runs end; what is queued later, such as a retry, comes after it. 0 until it is planned.
    ADD COLUMN end_pass bigint NOT NULL DEFAULT 0;

ALTER TABLE affine.ready ALTER COLUMN pass DROP DEFAULT;
UPDATE affine.ready SET pass = pass * 1048576;
UPDATE affine.lease SET pass = pass * 1048576;
UPDATE affine.evaluation SET end_pass = (SELECT last_value + 1 FROM affine.ready_pass) * 1048576;

-- The worker whose lease a run backs up, and which must not get it; null for ordinary runs. See 0008_backups.sql.
ALTER TABLE affine.ready ADD COLUMN straggler uuid;
ALTER TABLE affine.lease
    ADD COLUMN straggler uuid,
    ADD COLUMN backed_up boolean NOT NULL DEFAULT false;

-- Null: as long as jobs of the environment were measured to need.
ALTER TABLE affine.environment ALTER COLUMN run_length DROP DEFAULT, ALTER COLUMN run_length DROP NOT NULL;
ALTER TABLE affine.window_environment ALTER COLUMN run_length DROP NOT NULL;

CREATE INDEX evaluation_ended ON affine.evaluation (ended_at) WHERE state <> 'running';
-- By end_pass, so that a claim need not step over evaluations that ended but that an old snapshot keeps in the index.
DROP INDEX affine.evaluation_running;
CREATE INDEX evaluation_running ON affine.evaluation (model, revision, end_pass) WHERE state = 'running';

-- The tail of an evaluation's queue: behind everything that was planned and everything queued again before.
CREATE FUNCTION affine.tail_pass(end_pass bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT end_pass + nextval('affine.ready_pass')
$$;

-- How many jobs are 25 s of work for one lane: by the median of what jobs of the environment took in the latest four
-- evaluations that ended, unless the operator fixed it; 1 where nothing was measured.
CREATE FUNCTION affine.run_length(target_window bigint, target_environment smallint) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    jobs integer;
BEGIN
    SELECT we.run_length INTO jobs FROM affine.window_environment we
    WHERE we.window_id = target_window AND we.environment = target_environment;
    IF jobs IS NULL THEN
        SELECT 25000 / (percentile_cont(0.5) WITHIN GROUP (ORDER BY a.duration_ms) + 1) INTO jobs
        FROM (SELECT e.id, e.window_id FROM affine.evaluation e
              JOIN affine.evaluation_environment ee ON ee.evaluation = e.id AND ee.environment = target_environment
              WHERE e.state <> 'running' ORDER BY e.ended_at DESC LIMIT 4) AS latest
        JOIN affine.attempt a ON a.window_id = latest.window_id AND a.evaluation = latest.id
             AND a.environment = target_environment AND a.position < 100 AND a.outcome IN ('scored', 'model_fault');
    END IF;
    RETURN LEAST(GREATEST(COALESCE(jobs, 1), 1), 1000);
END $$;

-- Plans the jobs of an evaluation from first_position on, of one environment or of all (null). The first call for an
-- evaluation spreads its runs over virtual time, environments taking turns; what a later one adds goes to the tail. Runs
-- are as long as `affine.run_length` says while eight more would fit, then shrink to 1.
CREATE OR REPLACE FUNCTION affine.enqueue(target bigint, only_environment smallint DEFAULT NULL,
                                          first_position integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner affine.evaluation;
    stride bigint;
    start bigint;
    runs bigint;
    jobs bigint;
BEGIN
    SELECT * INTO STRICT owner FROM affine.evaluation WHERE id = target;
    stride := 1048576 / owner.weight;
    SELECT COALESCE(max(e.end_pass), 0) INTO start FROM affine.evaluation e
    WHERE e.state = 'running' AND e.model = owner.model AND e.revision = owner.revision;
    SELECT GREATEST(min(head.pass), start) INTO start
    FROM affine.evaluation e
    JOIN affine.window_environment we ON we.window_id = e.window_id
    CROSS JOIN LATERAL (
        SELECT r.pass FROM affine.ready r WHERE r.evaluation = e.id AND r.environment = we.environment
        ORDER BY r.pass LIMIT 1) AS head
    WHERE e.state = 'running' AND (e.model, e.revision) <> (owner.model, owner.revision);
    WITH RECURSIVE planned AS MATERIALIZED (
        SELECT ee.environment, affine.run_length(owner.window_id, ee.environment) AS length, ee.planned AS until
        FROM affine.evaluation_environment ee
        WHERE ee.evaluation = target AND (only_environment IS NULL OR ee.environment = only_environment)
    ), run AS (
        SELECT environment, length, until, first_position AS from_position,
               LEAST(first_position + GREATEST(1, LEAST(length, (until - first_position) / 8)), until) - 1 AS to_position
        FROM planned WHERE first_position < until
        UNION ALL
        SELECT environment, length, until, to_position + 1,
               to_position + GREATEST(1, LEAST(length, (until - to_position - 1) / 8))
        FROM run WHERE to_position + 1 < until
    ), added AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, pass)
        SELECT target, environment, from_position, to_position, 1,
               CASE WHEN owner.end_pass = 0 THEN start + (place - 1) * stride ELSE affine.tail_pass(owner.end_pass) END
        FROM (SELECT *, row_number() OVER (ORDER BY from_position::bigint * 1000000 / until, environment) AS place
              FROM run) AS ordered
        ORDER BY place
        RETURNING to_position - from_position + 1 AS jobs
    )
    SELECT count(*), COALESCE(sum(added.jobs), 0) INTO runs, jobs FROM added;
    IF owner.end_pass = 0 AND runs > 0 THEN
        UPDATE affine.evaluation SET end_pass = start + runs * stride WHERE id = target;
        -- Who looks only whether anything was queued looks at this sequence.
        PERFORM nextval('affine.ready_pass');
    END IF;
    RETURN jobs;
END $$;

-- Volatile, so that a statement which claims and describes at once is told of an evaluation that was committed after the
-- statement began and that its claim already saw; else it would hold a lease and get no row.
ALTER FUNCTION affine.describe_evaluation(bigint) VOLATILE;

-- Takes up to `runs` runs of one environment of one evaluation: among the earliest evaluation that has any of each model
-- that these deployments serve, where the lowest pass is. One lease comes of it for each attempt number. `floor` is the lowest
-- pass worth looking at; 0 looks at all. A claim need not be durable: one that is lost in a crash never took its runs away.
CREATE OR REPLACE FUNCTION affine.claim(worker_id uuid, deployments bigint[], environments text[], runs integer, floor bigint)
RETURNS TABLE (lease uuid, deployment bigint, evaluation bigint, environment smallint, attempt smallint,
               from_positions integer[], to_positions integer[], pass bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    head record;
    lanes float8;
BEGIN
    SELECT w.concurrency INTO lanes FROM affine.worker w
    WHERE w.id = worker_id AND w.stopped_at IS NULL
      AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % is not registered or fell silent', worker_id USING ERRCODE = 'AF003';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Others may be taking the same rows, so a place that yields nothing is followed by the next.
    FOR head IN
        SELECT d.id AS deployment, e.id AS evaluation, we.environment, we.timeout_ms
        FROM affine.deployment d
        CROSS JOIN LATERAL (
            SELECT r.id, r.window_id FROM affine.evaluation r
            WHERE r.model = d.model AND r.revision = d.revision AND r.state = 'running' AND r.end_pass >= floor
              AND EXISTS (SELECT FROM affine.evaluation_environment ee JOIN affine.ready t
                          ON t.evaluation = ee.evaluation AND t.environment = ee.environment AND t.pass >= floor
                          WHERE ee.evaluation = r.id)
            ORDER BY r.end_pass LIMIT 1) AS e
        JOIN affine.window_environment we ON we.window_id = e.window_id
        CROSS JOIN LATERAL (
            SELECT r.pass FROM affine.ready r
            WHERE r.evaluation = e.id AND r.environment = we.environment AND r.pass >= floor
              AND r.straggler IS DISTINCT FROM worker_id
            ORDER BY r.pass LIMIT 1) AS first
        WHERE d.id = ANY (deployments) AND d.retired_at IS NULL AND (environments IS NULL OR EXISTS (
            SELECT FROM affine.environment n WHERE n.id = we.environment AND n.name = ANY (environments)))
        ORDER BY first.pass, e.id, we.environment
    LOOP
        RETURN QUERY
        WITH taken AS (
            DELETE FROM affine.ready t WHERE t.ctid = ANY (ARRAY(
                SELECT r.ctid FROM affine.ready r
                WHERE r.evaluation = head.evaluation AND r.environment = head.environment AND r.pass >= floor
                  AND r.straggler IS DISTINCT FROM worker_id
                ORDER BY r.pass LIMIT runs FOR UPDATE SKIP LOCKED))
            RETURNING t.attempt, t.straggler, t.pass, t.from_position, t.to_position
        )
        INSERT INTO affine.lease AS l
            (id, worker, deployment, evaluation, environment, attempt, straggler, positions, pass, expires_at)
        SELECT gen_random_uuid(), worker_id, head.deployment, head.evaluation, head.environment, t.attempt, t.straggler,
               range_agg(int4range(t.from_position, t.to_position + 1)), min(t.pass),
               clock_timestamp() + make_interval(secs =>
                   60 + ceil(sum(t.to_position - t.from_position + 1) / lanes) * (head.timeout_ms / 1000.0 + 30))
        FROM taken t GROUP BY t.attempt, t.straggler ORDER BY min(t.pass)
        RETURNING l.id, l.deployment, l.evaluation, l.environment, l.attempt,
                  ARRAY(SELECT lower(r) FROM unnest(l.positions) AS r ORDER BY 1),
                  ARRAY(SELECT upper(r) - 1 FROM unnest(l.positions) AS r ORDER BY 1), l.pass;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END $$;

RESET ROLE;
