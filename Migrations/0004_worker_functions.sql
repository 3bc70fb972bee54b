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
-- as one lease for each attempt number among them. `floor` is the lowest pass worth looking at; 0 looks at all. A claim is
-- not durable: one that is lost in a crash comes back by rescue.
CREATE FUNCTION affine.claim(worker_id uuid, deployments bigint[], environments text[], runs integer, floor bigint)
RETURNS TABLE (lease uuid, deployment bigint, evaluation bigint, environment smallint, attempt smallint,
               from_positions integer[], to_positions integer[], pass bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    chosen record;
    head record;
    last_evaluation bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id AND w.stopped_at IS NULL
                   AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)) THEN
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
                       60 + sum(t.to_position - t.from_position + 1) * (head.timeout_ms / 1000.0 + 30))
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

-- Stores reports. Each is answered, in order, by 'accepted'; 'duplicate' (stored before: resending is harmless); or
-- 'superseded' (the lease is no longer held: nothing is stored, and the refusal is kept as an event). Leases in `finished`
-- are given up if nothing of them is left to report.
CREATE FUNCTION affine.settle(worker_id uuid, finished uuid[], leases uuid[], evaluations bigint[], environments smallint[],
    positions integer[], outcomes text[], scores_nano bigint[], error_codes text[], error_details text[], evidences text[],
    durations_ms integer[], prompt_tokens integer[], completion_tokens integer[])
RETURNS TABLE (place integer, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    reports CONSTANT integer := cardinality(leases);
    named CONSTANT uuid[] := ARRAY(SELECT DISTINCT unnest(leases));
    stored integer;
    closed integer := 0;
BEGIN
    -- Not `worker = worker_id`: by the index on workers this would walk every lease that the worker ever had.
    PERFORM FROM affine.lease l WHERE l.id = ANY (named) AND l.worker IS NOT DISTINCT FROM worker_id ORDER BY l.id FOR UPDATE;
    -- Nearly always every lease is held, every report is the first of its job and every outcome is final. Then one plain
    -- INSERT does it, which writes less than one that expects conflicts; else nothing of it stays and all is sorted out below.
    IF outcomes <@ ARRAY['scored', 'model_fault'] THEN
        BEGIN
            WITH held AS MATERIALIZED (
                SELECT l.id, l.positions, l.attempt, l.deployment, l.evaluation, l.environment, e.window_id, we.lo_nano, we.hi_nano
                FROM affine.lease l
                JOIN affine.evaluation e ON e.id = l.evaluation
                JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = l.environment
                WHERE l.id = ANY (named) AND l.worker IS NOT DISTINCT FROM worker_id
            )
            INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
                error_code, error_detail, evidence, lease, worker, deployment, duration_ms, prompt_tokens, completion_tokens)
            SELECT h.window_id, h.evaluation, h.environment, r.position, h.attempt, true,
                   CASE r.outcome WHEN 'scored' THEN 'scored'::affine.outcome ELSE 'model_fault' END,
                   CASE WHEN r.score_nano < h.lo_nano OR r.score_nano > h.hi_nano
                        THEN affine.refuse_score(r.score_nano, h.lo_nano, h.hi_nano) ELSE r.score_nano END,
                   r.error_code, left(r.error_detail, 2000), r.evidence, h.id, worker_id, h.deployment, r.duration_ms,
                   r.prompt_tokens, r.completion_tokens
            FROM unnest(leases, positions, outcomes, scores_nano, error_codes, error_details, evidences, durations_ms,
                        prompt_tokens, completion_tokens)
                 AS r (lease, position, outcome, score_nano, error_code, error_detail, evidence, duration_ms, prompt_tokens,
                       completion_tokens)
            JOIN held h ON h.id = r.lease AND h.positions @> r.position
            ORDER BY h.evaluation, h.environment, r.position;
            GET DIAGNOSTICS stored = ROW_COUNT;
            IF stored < reports THEN
                RAISE EXCEPTION 'a report without its lease' USING ERRCODE = 'AF005';
            END IF;
            DELETE FROM affine.lease l
            WHERE l.id = ANY (finished) AND l.worker IS NOT DISTINCT FROM worker_id
              AND (SELECT sum(upper(run) - lower(run)) FROM unnest(l.positions) AS run)
                  = (SELECT count(*) FROM unnest(leases) AS reported WHERE reported = l.id);
            GET DIAGNOSTICS closed = ROW_COUNT;
            RETURN QUERY SELECT p, 'accepted' FROM generate_series(1, reports) AS p;
        EXCEPTION WHEN unique_violation OR SQLSTATE 'AF005' THEN
            stored := NULL;
        END;
    END IF;
    IF stored IS NULL THEN
        RETURN QUERY SELECT * FROM affine.settle_one_by_one(worker_id, leases, evaluations, environments, positions, outcomes,
            scores_nano, error_codes, error_details, evidences, durations_ms, prompt_tokens, completion_tokens);
    END IF;
    IF closed < cardinality(finished) THEN
        DELETE FROM affine.lease l USING affine.evaluation e
        WHERE l.id = ANY (finished) AND l.worker IS NOT DISTINCT FROM worker_id AND e.id = l.evaluation AND NOT EXISTS (
            SELECT FROM unnest(l.positions) AS run
            WHERE upper(run) - lower(run) > (
                SELECT count(DISTINCT a.position) FROM affine.attempt a
                WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation AND a.environment = l.environment
                  AND a.position >= lower(run) AND a.position < upper(run) AND (a.final OR a.attempt >= l.attempt)));
    END IF;
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
