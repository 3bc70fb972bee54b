-- Which model an engine should serve next: what there is to do, who serves what, and how loading went.

SET LOCAL ROLE affine_owner;

-- The model that a worker's engine serves or loads. Gone with the worker.
CREATE TABLE affine.placement (
    worker    uuid        PRIMARY KEY REFERENCES affine.worker (id),
    host      text        NOT NULL CHECK (host <> ''),
    model     text        NOT NULL,
    revision  text        NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Each time an engine was to serve a model: whether it came to that.
CREATE TABLE affine.model_load (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker      uuid        NOT NULL,
    host        text        NOT NULL CHECK (host <> ''),
    model       text        NOT NULL,
    revision    text        NOT NULL,
    is_served   boolean     NOT NULL,
    duration_ms integer     NOT NULL CHECK (duration_ms >= 0),
    -- The end of the engine's log when it failed.
    detail      text        NOT NULL DEFAULT '' CHECK (length(detail) <= 4000)
);
CREATE INDEX model_load_model ON affine.model_load (model, revision, id);
CREATE INDEX model_load_host ON affine.model_load (host, id);
SELECT affine.make_append_only('affine.model_load');

-- How often loading a model failed on a host since it last succeeded there.
CREATE FUNCTION affine.load_failures(host_name text, wanted_model text, wanted_revision text)
RETURNS TABLE (failures bigint, failed_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*), max(f.at) FROM affine.model_load f
    WHERE f.host = host_name AND f.model = wanted_model AND f.revision = wanted_revision AND NOT f.is_served AND f.id > COALESCE((
        SELECT max(s.id) FROM affine.model_load s
        WHERE s.host = host_name AND s.model = wanted_model AND s.revision = wanted_revision AND s.is_served), 0)
$$;

-- The models that have work ready, baselines first, then in the order of their evaluations. `work_seconds` is what the ready
-- jobs take one after another, as far as they are looked at (1000 runs of an environment); `held_jobs` are the asker's own;
-- `hands` are the other live workers that serve or load the model; `failures` is how often the asker's host failed to load it
-- since it last could, `host_failures` how many models that host failed to load since it could load any.
CREATE FUNCTION affine.open_work(worker_id uuid, host_name text)
RETURNS TABLE (model text, revision text, is_baseline boolean, work_seconds float8, held_jobs bigint, hands bigint,
               failures bigint, failed_seconds_ago float8, host_failures bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    WITH open AS (
        SELECT e.id, e.window_id, e.model, e.revision,
               EXISTS (SELECT FROM affine.task_window w WHERE w.baseline_evaluation = e.id AND w.state = 'baseline') AS is_baseline
        FROM affine.evaluation e WHERE e.state = 'running'
    ), work AS (
        SELECT o.id, sum(ready.jobs * COALESCE(took.seconds, we.timeout_ms / 4000.0)) AS seconds
        FROM open o
        JOIN affine.window_environment we ON we.window_id = o.window_id
        CROSS JOIN LATERAL (
            SELECT sum(r.to_position - r.from_position + 1) AS jobs FROM (
                SELECT r.from_position, r.to_position FROM affine.ready r
                WHERE r.evaluation = o.id AND r.environment = we.environment AND r.straggler IS DISTINCT FROM worker_id
                ORDER BY r.pass LIMIT 1000) AS r) AS ready
        CROSS JOIN LATERAL (
            SELECT avg(a.duration_ms) / 1000.0 AS seconds FROM (
                SELECT a.duration_ms FROM affine.attempt a
                WHERE a.window_id = o.window_id AND a.evaluation = o.id AND a.environment = we.environment AND a.position < 100
                ORDER BY a.position LIMIT 100) AS a) AS took
        GROUP BY o.id
    ), held AS (
        SELECT l.evaluation, sum(upper(run) - lower(run)) AS jobs
        FROM affine.lease l, unnest(l.positions) AS run WHERE l.worker = worker_id GROUP BY l.evaluation
    ), troubled AS (
        SELECT count(DISTINCT (f.model, f.revision)) AS models FROM affine.model_load f
        WHERE f.host = host_name AND NOT f.is_served AND f.id > COALESCE((
            SELECT max(s.id) FROM affine.model_load s WHERE s.host = host_name AND s.is_served), 0)
    ), wanted AS (
        SELECT o.model, o.revision, bool_or(o.is_baseline) AS is_baseline, min(o.id) AS first,
               COALESCE(sum(w.seconds), 0) AS seconds, COALESCE(sum(h.jobs), 0)::bigint AS held
        FROM open o JOIN work w USING (id) LEFT JOIN held h ON h.evaluation = o.id
        GROUP BY o.model, o.revision
    )
    SELECT w.model, w.revision, w.is_baseline, w.seconds::float8, w.held, (
               SELECT count(*) FROM affine.placement p JOIN affine.worker k ON k.id = p.worker
               WHERE p.model = w.model AND p.revision = w.revision AND p.worker <> worker_id AND k.stopped_at IS NULL
                 AND k.seen_at > clock_timestamp() - make_interval(secs => k.ttl_ms / 1000.0)),
           f.failures, extract(epoch FROM clock_timestamp() - f.failed_at)::float8, t.models
    FROM wanted w
    CROSS JOIN LATERAL affine.load_failures(host_name, w.model, w.revision) AS f
    CROSS JOIN troubled t
    WHERE w.seconds > 0 OR w.held > 0
    ORDER BY w.is_baseline DESC, w.first
$$;

-- Says which model the worker's engine serves or begins to load; nulls: none.
CREATE FUNCTION affine.place(worker_id uuid, host_name text, wanted_model text, wanted_revision text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id AND w.stopped_at IS NULL) THEN
        RAISE EXCEPTION 'worker % is not registered', worker_id USING ERRCODE = 'AF003';
    END IF;
    DELETE FROM affine.placement p WHERE p.worker = worker_id;
    INSERT INTO affine.placement (worker, host, model, revision)
    SELECT worker_id, host_name, wanted_model, wanted_revision WHERE wanted_model IS NOT NULL;
END $$;

-- Keeps how loading a model went.
CREATE FUNCTION affine.record_load(worker_id uuid, host_name text, loaded_model text, loaded_revision text, served boolean,
                                   took_ms integer, words text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO affine.model_load (worker, host, model, revision, is_served, duration_ms, detail)
    SELECT w.id, host_name, loaded_model, loaded_revision, served, took_ms, right(words, 4000)
    FROM affine.worker w WHERE w.id = worker_id
$$;

-- A model that can't be loaded: failed since its evaluation began on `hosts` hosts, or `loads` times, and served nowhere since.
-- Only hosts count that served another model in the day before, so that a broken host ends nobody. Every job that has no
-- result then ends as the model's fault. Returns how many evaluations; any coordinator may call it, as often as it likes.
CREATE FUNCTION affine.fail_undeployable(hosts integer, loads integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failed record;
    evaluations integer := 0;
BEGIN
    FOR failed IN
        SELECT e.id, e.window_id, count(*) AS failures, count(DISTINCT f.host) AS places, max(f.id) AS last
        FROM affine.evaluation e
        JOIN affine.model_load f ON f.model = e.model AND f.revision = e.revision AND NOT f.is_served AND f.at > e.created_at
        WHERE e.state = 'running'
          AND NOT EXISTS (SELECT FROM affine.model_load s WHERE s.model = f.model AND s.revision = f.revision AND s.is_served
                          AND s.id > f.id)
          AND EXISTS (SELECT FROM affine.model_load o WHERE o.host = f.host AND o.is_served AND o.model <> f.model
                      AND o.at BETWEEN f.at - interval '1 day' AND f.at)
        GROUP BY e.id, e.window_id
        HAVING count(DISTINCT f.host) >= hosts OR count(*) >= loads
        ORDER BY e.id
    LOOP
        PERFORM pg_advisory_xact_lock(affine.evaluation_lock(failed.id));
        -- Whoever serves it elsewhere, such as an endpoint, shows that it can be.
        CONTINUE WHEN EXISTS (SELECT FROM affine.lease l WHERE l.evaluation = failed.id)
            OR NOT EXISTS (SELECT FROM affine.ready r WHERE r.evaluation = failed.id)
            OR NOT EXISTS (SELECT FROM affine.evaluation e WHERE e.id = failed.id AND e.state = 'running');
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, error_code,
                                    error_detail, lease, duration_ms)
        SELECT failed.window_id, failed.id, ee.environment, p, 1 + COALESCE((
                   SELECT max(a.attempt) FROM affine.attempt a WHERE a.window_id = failed.window_id
                     AND a.evaluation = failed.id AND a.environment = ee.environment AND a.position = p), 0),
               true, 'model_fault', 'undeployable', l.detail, gen_random_uuid(), 0
        FROM affine.evaluation_environment ee
        CROSS JOIN LATERAL generate_series(0, ee.planned - 1) AS p
        CROSS JOIN (SELECT left(m.detail, 2000) AS detail FROM affine.model_load m WHERE m.id = failed.last) AS l
        WHERE ee.evaluation = failed.id AND NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = failed.window_id AND a.evaluation = failed.id
              AND a.environment = ee.environment AND a.position = p AND a.final);
        DELETE FROM affine.ready r WHERE r.evaluation = failed.id;
        INSERT INTO affine.event (actor, kind, subject, detail)
        VALUES ('coordinator', 'model.undeployable', 'evaluation ' || failed.id,
                jsonb_build_object('loads', failed.failures, 'hosts', failed.places, 'last_load', failed.last));
        evaluations := evaluations + 1;
    END LOOP;
    RETURN evaluations;
END $$;

CREATE VIEW ops.placement AS
SELECT p.worker, w.name, p.host, p.model, p.revision, p.placed_at
FROM affine.placement p JOIN affine.worker w ON w.id = p.worker
WHERE w.stopped_at IS NULL AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0);
COMMENT ON VIEW ops.placement IS 'which live worker''s engine serves or loads which model';
CREATE VIEW ops.model_load AS
SELECT l.id, l.at, l.host, w.name AS worker, l.model, l.revision, l.is_served, l.duration_ms, l.detail
FROM affine.model_load l LEFT JOIN affine.worker w ON w.id = l.worker;
COMMENT ON VIEW ops.model_load IS 'each time an engine was to serve a model, and whether it came to that';
COMMENT ON COLUMN ops.model_load.detail IS 'the end of the engine''s log when it failed';

REVOKE ALL ON FUNCTION affine.load_failures(text, text, text), affine.open_work(uuid, text), affine.place(uuid, text, text, text),
    affine.record_load(uuid, text, text, text, boolean, integer, text), affine.fail_undeployable(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.open_work(uuid, text), affine.place(uuid, text, text, text),
    affine.record_load(uuid, text, text, text, boolean, integer, text) TO affine_worker;
GRANT EXECUTE ON FUNCTION affine.fail_undeployable(integer, integer) TO affine_coordinator;
GRANT SELECT ON affine.placement, affine.model_load TO affine_coordinator;
GRANT SELECT ON ops.placement, ops.model_load TO affine_coordinator, affine_dashboard;

RESET ROLE;
