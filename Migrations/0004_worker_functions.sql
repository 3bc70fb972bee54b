-- The worker contract: a worker may EXECUTE these and touch nothing else. All take and return sets; none needs session
-- state, so a connection pooler in transaction mode may stand between.

SET LOCAL ROLE affine_owner;

CREATE FUNCTION affine.register_worker(worker_id uuid, worker_name text, worker_lane text, concurrency integer, ttl_ms integer)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO affine.worker (id, name, lane, concurrency, ttl_ms)
    VALUES (worker_id, worker_name, worker_lane::affine.lane, concurrency, ttl_ms)
$$;

-- Says that the worker lives; false when it is unknown or was stopped, and must do no more work under this id.
CREATE FUNCTION affine.heartbeat(worker_id uuid) RETURNS boolean LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH beat AS (
        UPDATE affine.worker SET seen_at = clock_timestamp() WHERE id = worker_id AND stopped_at IS NULL RETURNING id
    )
    SELECT EXISTS (SELECT FROM beat)
$$;

-- Names the model now served at a URL, and returns its deployment. Another model at the same URL retires the one before:
-- its leases go back uncounted, so no score of the new model can be credited to the old.
CREATE FUNCTION affine.register_deployment(worker_id uuid, url text, wanted_model text, wanted_revision text)
RETURNS TABLE (deployment bigint, generation integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current_one affine.deployment;
    worker_lane affine.lane;
BEGIN
    SELECT w.lane INTO worker_lane FROM affine.worker w WHERE w.id = worker_id AND w.stopped_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % is not registered', worker_id USING ERRCODE = 'AF003';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('affine.deployment ' || url, 0));
    SELECT d.* INTO current_one FROM affine.deployment d WHERE d.base_url = url AND d.retired_at IS NULL;
    IF FOUND AND current_one.model = wanted_model AND current_one.revision = wanted_revision THEN
        RETURN QUERY SELECT current_one.id, current_one.generation;
        RETURN;
    END IF;
    UPDATE affine.deployment d SET retired_at = clock_timestamp() WHERE d.id = current_one.id;
    PERFORM affine.requeue(array_agg(l.id), false, 'deployment_retired')
    FROM (SELECT id FROM affine.lease WHERE lease.deployment = current_one.id ORDER BY id FOR UPDATE) AS l
    HAVING count(*) > 0;
    RETURN QUERY
    INSERT INTO affine.deployment AS d (lane, base_url, generation, model, revision)
    SELECT worker_lane, url, 1 + COALESCE(max(old.generation), 0), wanted_model, wanted_revision
    FROM affine.deployment old WHERE old.base_url = url
    RETURNING d.id, d.generation;
END $$;

-- Takes up to `runs` runs of one environment of the earliest running evaluation of a model that these deployments serve,
-- as one lease for each attempt number among them. `floor` is the lowest pass worth looking at; 0 looks at all. A claim need
-- not be durable: one that is lost in a crash never took its runs away.
CREATE FUNCTION affine.claim(worker_id uuid, deployments bigint[], environments text[], runs integer, floor bigint)
RETURNS TABLE (lease uuid, deployment bigint, evaluation bigint, environment smallint, attempt smallint,
               from_positions integer[], to_positions integer[], pass bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id AND w.stopped_at IS NULL
                   AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)) THEN
        RAISE EXCEPTION 'worker % is not registered or fell silent', worker_id USING ERRCODE = 'AF003';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    WITH head AS MATERIALIZED (
        SELECT d.id AS deployment, e.id AS evaluation, we.environment, we.timeout_ms, w.concurrency
        FROM affine.worker w
        CROSS JOIN affine.deployment d
        JOIN affine.evaluation e ON e.model = d.model AND e.revision = d.revision AND e.state = 'running'
        JOIN affine.window_environment we ON we.window_id = e.window_id
        JOIN affine.environment n ON n.id = we.environment AND (environments IS NULL OR n.name = ANY (environments))
        CROSS JOIN LATERAL (
            SELECT r.pass FROM affine.ready r
            WHERE r.evaluation = e.id AND r.environment = we.environment AND r.pass >= floor
            ORDER BY r.pass LIMIT 1) AS first
        WHERE w.id = worker_id AND d.id = ANY (deployments) AND d.retired_at IS NULL
        ORDER BY e.id, first.pass LIMIT 1
    ), picked AS MATERIALIZED (
        SELECT r.ctid FROM affine.ready r
        WHERE r.evaluation = (SELECT h.evaluation FROM head h) AND r.environment = (SELECT h.environment FROM head h)
          AND r.pass >= floor
        ORDER BY r.pass LIMIT runs FOR UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM affine.ready r WHERE r.ctid = ANY (ARRAY(SELECT p.ctid FROM picked p)) RETURNING r.*
    ), grouped AS (
        SELECT gen_random_uuid() AS id, t.attempt, range_agg(int4range(t.from_position, t.to_position + 1)) AS positions,
               sum(t.to_position - t.from_position + 1) AS jobs, min(t.pass) AS pass
        FROM taken t GROUP BY t.attempt
    ), leased AS (
        INSERT INTO affine.lease AS l (id, worker, deployment, evaluation, environment, positions, attempt, expires_at)
        SELECT g.id, worker_id, h.deployment, h.evaluation, h.environment, g.positions, g.attempt,
               clock_timestamp() + make_interval(
                   secs => 60 + ceil(g.jobs::float8 / h.concurrency) * (h.timeout_ms / 1000.0 + 30))
        FROM grouped g CROSS JOIN head h
        RETURNING l.*
    )
    SELECT l.id, l.deployment, l.evaluation, l.environment, l.attempt,
           ARRAY(SELECT lower(r) FROM unnest(l.positions) AS r ORDER BY 1),
           ARRAY(SELECT upper(r) - 1 FROM unnest(l.positions) AS r ORDER BY 1), g.pass
    FROM leased l JOIN grouped g ON g.id = l.id ORDER BY g.pass;
END $$;

-- How to run the environments of an evaluation, and the task of each position: position p asks task_ids[p + 1].
CREATE FUNCTION affine.describe_evaluation(target bigint)
RETURNS TABLE (environment smallint, name text, kind text, base_url text, lo_nano bigint, hi_nano bigint,
               timeout_ms integer, temperature double precision, parameters text, task_ids bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT we.environment, n.name, we.kind, we.base_url, we.lo_nano, we.hi_nano, we.timeout_ms, we.temperature,
           we.parameters::text, ee.task_ids
    FROM affine.evaluation e
    JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
    JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = ee.environment
    JOIN affine.environment n ON n.id = we.environment
    WHERE e.id = target
$$;

-- Stores reports. Each is answered, in order, by 'accepted'; 'duplicate' (stored before: resending is harmless); or
-- 'superseded' (the lease is no longer held, its evaluation has ended, or its deployment was retired while it was claimed:
-- nothing is stored, and the refusal is kept as an event). Of a position's reports under one lease only the first counts; what a rescue wrote in
-- the worker's name, `lease_lost`, is no report. Leases in `finished` are given up if nothing of them is left to report.
CREATE FUNCTION affine.settle(worker_id uuid, finished uuid[], leases uuid[], evaluations bigint[], environments smallint[],
    positions integer[], outcomes text[], scores_nano bigint[], error_codes text[], error_details text[], evidences text[],
    durations_ms integer[], prompt_tokens integer[], completion_tokens integer[])
RETURNS TABLE (place integer, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id) THEN
        RAISE EXCEPTION 'worker % is not registered', worker_id USING ERRCODE = 'AF003';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(affine.evaluation_lock(held.evaluation)) FROM (
        SELECT l.evaluation FROM affine.lease l
        WHERE l.id = ANY (leases) AND l.worker = worker_id ORDER BY l.id FOR UPDATE) AS held;
    RETURN QUERY
    WITH report AS MATERIALIZED (
        SELECT * FROM unnest(leases, evaluations, environments, positions, outcomes, scores_nano, error_codes, error_details,
                             evidences, durations_ms, prompt_tokens, completion_tokens) WITH ORDINALITY
            AS r (lease, evaluation, environment, position, outcome, score_nano, error_code, error_detail, evidence,
                  duration_ms, prompt_tokens, completion_tokens, place)
    ), held AS MATERIALIZED (
        SELECT r.place, r.lease, r.position, r.outcome::affine.outcome AS outcome, r.score_nano, r.error_code, r.error_detail,
               r.evidence, r.duration_ms, r.prompt_tokens, r.completion_tokens, l.evaluation, l.environment, l.attempt,
               l.deployment, e.window_id,
               r.outcome IN ('scored', 'model_fault') OR l.attempt >= we.max_attempts AS final,
               row_number() OVER (PARTITION BY l.evaluation, l.environment, r.position ORDER BY r.place) = 1
               AND NOT EXISTS (
                   SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation
                       AND a.environment = l.environment AND a.position = r.position
                       AND (a.final OR a.attempt >= l.attempt)) AS is_first,
               affine.require_in_bounds(r.score_nano, we.lo_nano, we.hi_nano) AS checked
        FROM report r
        JOIN affine.lease l ON l.id = r.lease AND l.worker = worker_id
             AND l.positions @> r.position
        JOIN affine.deployment d ON d.id = l.deployment AND d.retired_at IS NULL
        JOIN affine.evaluation e ON e.id = l.evaluation AND e.state = 'running'
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = l.environment
    ), stored AS (
        INSERT INTO affine.attempt AS a (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
            error_code, error_detail, evidence, lease, worker, deployment, duration_ms, prompt_tokens, completion_tokens)
        SELECT h.window_id, h.evaluation, h.environment, h.position, h.attempt, h.final, h.outcome, h.checked,
               h.error_code, left(h.error_detail, 2000), h.evidence, h.lease, worker_id, h.deployment, h.duration_ms,
               h.prompt_tokens, h.completion_tokens
        FROM held h WHERE h.is_first ORDER BY h.evaluation, h.environment, h.position
        ON CONFLICT DO NOTHING
        RETURNING a.evaluation, a.environment, a.position, a.attempt, a.final
    ), again AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt)
        SELECT s.evaluation, s.environment, s.position, s.position, s.attempt + 1 FROM stored s WHERE NOT s.final
        ORDER BY s.position
    ), answer AS MATERIALIZED (
        SELECT r.place::integer AS place, r.lease, r.position,
               CASE WHEN s.position IS NOT NULL THEN 'accepted'
                    WHEN h.place IS NOT NULL OR EXISTS (
                        SELECT FROM affine.attempt a WHERE a.evaluation = r.evaluation AND a.environment = r.environment
                            AND a.position = r.position AND a.lease = r.lease AND a.worker = worker_id
                            AND a.error_code IS DISTINCT FROM 'lease_lost') THEN 'duplicate'
                    ELSE 'superseded' END AS status
        FROM report r
        LEFT JOIN held h ON h.place = r.place
        LEFT JOIN stored s ON h.is_first
             AND (s.evaluation, s.environment, s.position) = (h.evaluation, h.environment, h.position)
    ), fenced AS (
        INSERT INTO affine.event (actor, kind, subject, detail)
        SELECT 'worker ' || worker_id, 'job.fenced', 'lease ' || a.lease,
               jsonb_build_object('positions', jsonb_agg(a.position ORDER BY a.position))
        FROM answer a WHERE a.status = 'superseded' GROUP BY a.lease ORDER BY a.lease
    )
    SELECT a.place, a.status FROM answer a ORDER BY a.place;

    DELETE FROM affine.lease l USING affine.evaluation e
    WHERE l.id = ANY (finished) AND l.worker = worker_id AND e.id = l.evaluation AND NOT EXISTS (
        SELECT FROM affine.each_position(l.positions) AS p
        WHERE NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation
                AND a.environment = l.environment AND a.position = p AND (a.final OR a.attempt >= l.attempt)));
END $$;

-- A score outside its environment's bounds is a defect of the reporter: the whole batch is refused.
CREATE FUNCTION affine.require_in_bounds(score_nano bigint, lo_nano bigint, hi_nano bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF score_nano < lo_nano OR score_nano > hi_nano THEN
        RAISE EXCEPTION 'score % is outside [%, %]', score_nano, lo_nano, hi_nano USING ERRCODE = 'AF004';
    END IF;
    RETURN score_nano;
END $$;

-- A polite hand-back of jobs that were not begun: they return to the queue and it costs them nothing.
CREATE FUNCTION affine.release(worker_id uuid, leases uuid[], positions integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    jobs integer;
BEGIN
    PERFORM FROM affine.lease l WHERE l.id = ANY (leases) AND l.worker = worker_id ORDER BY l.id FOR UPDATE;
    WITH given AS MATERIALIZED (
        SELECT l.id, l.evaluation, l.environment, l.attempt, r.position
        FROM unnest(leases, positions) AS r (lease, position)
        JOIN affine.lease l ON l.id = r.lease AND l.worker = worker_id AND l.positions @> r.position
        JOIN affine.evaluation e ON e.id = l.evaluation AND e.state = 'running'
        WHERE NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation
                AND a.environment = l.environment AND a.position = r.position AND (a.final OR a.attempt >= l.attempt))
    ), rest AS MATERIALIZED (
        SELECT l.id, l.positions - range_agg(int4range(g.position, g.position + 1)) AS positions
        FROM given g JOIN affine.lease l ON l.id = g.id GROUP BY l.id
    ), emptied AS (
        DELETE FROM affine.lease l USING rest WHERE l.id = rest.id AND isempty(rest.positions)
    ), shortened AS (
        UPDATE affine.lease l SET positions = rest.positions FROM rest WHERE l.id = rest.id AND NOT isempty(rest.positions)
    ), returned AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt)
        SELECT g.evaluation, g.environment, g.position, g.position, g.attempt FROM given g ORDER BY g.position
    )
    SELECT count(*) INTO jobs FROM given;
    RETURN jobs;
END $$;

-- The worker is gone for good: whatever it still holds goes back uncounted.
CREATE FUNCTION affine.stop_worker(worker_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE affine.worker SET stopped_at = clock_timestamp() WHERE id = worker_id AND stopped_at IS NULL;
    PERFORM affine.requeue(array_agg(l.id), false, 'worker_stopped')
    FROM (SELECT id FROM affine.lease WHERE worker = worker_id ORDER BY id FOR UPDATE) AS l HAVING count(*) > 0;
END $$;

GRANT EXECUTE ON FUNCTION affine.register_worker(uuid, text, text, integer, integer), affine.heartbeat(uuid),
    affine.register_deployment(uuid, text, text, text), affine.claim(uuid, bigint[], text[], integer, bigint),
    affine.describe_evaluation(bigint), affine.release(uuid, uuid[], integer[]), affine.stop_worker(uuid),
    affine.settle(uuid, uuid[], uuid[], bigint[], smallint[], integer[], text[], bigint[], text[], text[], text[], integer[], integer[],
                  integer[]) TO affine_worker;

RESET ROLE;
