-- The worker contract: a worker may EXECUTE these and touch nothing else. All take and return sets; none needs session
-- state, so a connection pooler in transaction mode may stand between. Reporting follows in 0005_reporting.sql.

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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    chosen record;
    head record;
    last_evaluation bigint := 0;
    lanes float8;
BEGIN
    SELECT w.concurrency INTO lanes FROM affine.worker w
    WHERE w.id = worker_id AND w.stopped_at IS NULL
      AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % is not registered or fell silent', worker_id USING ERRCODE = 'AF003';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    LOOP
        SELECT d.id AS deployment, e.id AS evaluation, e.window_id INTO chosen
        FROM affine.deployment d
        CROSS JOIN LATERAL (
            SELECT r.id, r.window_id FROM affine.evaluation r
            WHERE r.model = d.model AND r.revision = d.revision AND r.state = 'running' AND r.id > last_evaluation
            ORDER BY r.id LIMIT 1) AS e
        WHERE d.id = ANY (deployments) AND d.retired_at IS NULL
        ORDER BY e.id LIMIT 1;
        EXIT WHEN NOT FOUND;
        last_evaluation := chosen.evaluation;
        -- Others may be taking the same rows, so an environment that yields nothing is followed by the next.
        FOR head IN
            SELECT we.environment, we.timeout_ms
            FROM affine.window_environment we
            CROSS JOIN LATERAL (
                SELECT r.pass FROM affine.ready r
                WHERE r.evaluation = chosen.evaluation AND r.environment = we.environment AND r.pass >= floor
                ORDER BY r.pass LIMIT 1) AS first
            WHERE we.window_id = chosen.window_id AND (environments IS NULL OR EXISTS (
                SELECT FROM affine.environment n WHERE n.id = we.environment AND n.name = ANY (environments)))
            ORDER BY first.pass
        LOOP
            RETURN QUERY
            WITH taken AS (
                DELETE FROM affine.ready t WHERE t.ctid = ANY (ARRAY(
                    SELECT r.ctid FROM affine.ready r
                    WHERE r.evaluation = chosen.evaluation AND r.environment = head.environment AND r.pass >= floor
                    ORDER BY r.pass LIMIT runs FOR UPDATE SKIP LOCKED))
                RETURNING t.attempt, t.pass, t.from_position, t.to_position
            )
            INSERT INTO affine.lease AS l
                (id, worker, deployment, evaluation, environment, attempt, positions, pass, expires_at)
            SELECT gen_random_uuid(), worker_id, chosen.deployment, chosen.evaluation, head.environment, t.attempt,
                   range_agg(int4range(t.from_position, t.to_position + 1)), min(t.pass),
                   clock_timestamp() + make_interval(secs =>
                       60 + ceil(sum(t.to_position - t.from_position + 1) / lanes) * (head.timeout_ms / 1000.0 + 30))
            FROM taken t GROUP BY t.attempt ORDER BY min(t.pass)
            RETURNING l.id, l.deployment, l.evaluation, l.environment, l.attempt,
                      ARRAY(SELECT lower(r) FROM unnest(l.positions) AS r ORDER BY 1),
                      ARRAY(SELECT upper(r) - 1 FROM unnest(l.positions) AS r ORDER BY 1), l.pass;
            IF FOUND THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
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
    affine.describe_evaluation(bigint), affine.stop_worker(uuid) TO affine_worker;

RESET ROLE;
