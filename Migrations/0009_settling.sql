-- Reporting under leases of which some are backups (0008_backups.sql), and with retries at the tail of their evaluation.

SET LOCAL ROLE affine_owner;

-- Without settings of its own, so that it is inlined: as a call it was parsed and planned anew for every report.
CREATE OR REPLACE FUNCTION affine.evaluation_lock(target bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.hashint8extended(target, 418531077729)
$$;

-- `settle` for reports that are not all accepted or not all final. The caller has locked the leases.
CREATE OR REPLACE FUNCTION affine.settle_one_by_one(worker_id uuid, leases uuid[], evaluations bigint[], environments smallint[],
    positions integer[], outcomes text[], scores_nano bigint[], error_codes text[], error_details text[], evidences text[],
    durations_ms integer[], prompt_tokens integer[], completion_tokens integer[])
RETURNS TABLE (place integer, status text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH report AS MATERIALIZED (
        SELECT * FROM unnest(leases, evaluations, environments, positions, outcomes, scores_nano, error_codes, error_details,
                             evidences, durations_ms, prompt_tokens, completion_tokens) WITH ORDINALITY
            AS r (lease, evaluation, environment, position, outcome, score_nano, error_code, error_detail, evidence,
                  duration_ms, prompt_tokens, completion_tokens, place)
    ), held AS MATERIALIZED (
        SELECT r.place, r.lease, r.position, r.outcome::affine.outcome AS outcome, r.score_nano, r.error_code, r.error_detail,
               r.evidence, r.duration_ms, r.prompt_tokens, r.completion_tokens, l.evaluation, l.environment, l.attempt,
               l.deployment, l.straggler IS NOT NULL AS backup, e.window_id, e.end_pass,
               r.outcome IN ('scored', 'model_fault') OR (l.attempt >= we.max_attempts AND l.straggler IS NULL) AS final,
               row_number() OVER (PARTITION BY l.id, r.position ORDER BY r.place) = 1
               AND NOT EXISTS (
                   SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation
                       AND a.environment = l.environment AND a.position = r.position
                       AND (a.final OR (r.outcome NOT IN ('scored', 'model_fault') AND a.attempt >= l.attempt
                                        AND a.backup = (l.straggler IS NOT NULL)))) AS is_first,
               CASE WHEN r.score_nano < we.lo_nano OR r.score_nano > we.hi_nano
                    THEN affine.refuse_score(r.score_nano, we.lo_nano, we.hi_nano) ELSE r.score_nano END AS checked
        FROM report r
        JOIN affine.lease l ON l.id = r.lease AND l.worker = worker_id
             AND l.positions @> r.position
        JOIN affine.deployment d ON d.id = l.deployment AND d.retired_at IS NULL
        JOIN affine.evaluation e ON e.id = l.evaluation AND e.state = 'running'
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = l.environment
    ), stored AS (
        INSERT INTO affine.attempt AS a (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
            error_code, error_detail, evidence, lease, worker, deployment, duration_ms, prompt_tokens, completion_tokens, backup)
        SELECT h.window_id, h.evaluation, h.environment, h.position, h.attempt, h.final, h.outcome, h.checked,
               h.error_code, left(h.error_detail, 2000), h.evidence, h.lease, worker_id, h.deployment, h.duration_ms,
               h.prompt_tokens, h.completion_tokens, h.backup
        FROM held h WHERE h.is_first ORDER BY h.evaluation, h.environment, h.position, h.place
        ON CONFLICT DO NOTHING
        RETURNING a.lease, a.evaluation, a.environment, a.position, a.attempt, a.final, a.backup
    ), again AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, pass)
        SELECT s.evaluation, s.environment, s.position, s.position, s.attempt + 1, affine.tail_pass(h.end_pass)
        FROM stored s JOIN held h ON h.is_first AND (h.lease, h.position) = (s.lease, s.position)
        WHERE NOT s.final AND NOT s.backup
        ORDER BY s.position
    ), rest AS MATERIALIZED (
        -- What is queued again, or was tried in vain by a backup, is no longer the lease's.
        SELECT l.id, l.positions - range_agg(int4range(s.position, s.position + 1)) AS positions
        FROM stored s JOIN affine.lease l ON l.id = s.lease WHERE NOT s.final GROUP BY l.id
    ), emptied AS (
        DELETE FROM affine.lease l USING rest WHERE l.id = rest.id AND isempty(rest.positions)
    ), shortened AS (
        UPDATE affine.lease l SET positions = rest.positions FROM rest WHERE l.id = rest.id AND NOT isempty(rest.positions)
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
        LEFT JOIN stored s ON h.is_first AND (s.lease, s.position) = (h.lease, h.position)
    ), fenced AS (
        INSERT INTO affine.event (actor, kind, subject, detail)
        SELECT 'worker ' || worker_id, 'job.fenced', 'lease ' || a.lease,
               jsonb_build_object('positions', jsonb_agg(a.position ORDER BY a.position))
        FROM answer a WHERE a.status = 'superseded' GROUP BY a.lease ORDER BY a.lease
    )
    SELECT a.place, a.status FROM answer a ORDER BY a.place;
END $$;

-- Stores reports. Each is answered, in order, by 'accepted'; 'duplicate' (the job has its result already, from this report sent
-- before or, where a straggler was backed up, from the other lease: resending is harmless); or 'superseded' (the lease is no
-- longer held, its evaluation has ended, or its deployment was retired while it was claimed: nothing is stored, and the refusal
-- is kept as an event). Of a position's reports under one lease only the first counts; what a rescue wrote in the worker's name,
-- `lease_lost`, is no report. Leases in `finished` are given up if nothing of them is left to report.
CREATE OR REPLACE FUNCTION affine.settle(worker_id uuid, finished uuid[], leases uuid[], evaluations bigint[], environments smallint[],
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
    IF NOT EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id) THEN
        RAISE EXCEPTION 'worker % is not registered', worker_id USING ERRCODE = 'AF003';
    END IF;
    -- Not `worker = worker_id`: by the index on workers this would walk every lease that the worker ever had.
    PERFORM pg_advisory_xact_lock_shared(affine.evaluation_lock(held.evaluation)) FROM (
        SELECT l.evaluation FROM affine.lease l
        WHERE l.id = ANY (named) AND l.worker IS NOT DISTINCT FROM worker_id ORDER BY l.id FOR UPDATE) AS held;
    -- Nearly always every lease is held, every report is the first of its job and every outcome is final. Then one plain
    -- INSERT does it, which writes less than one that expects conflicts; else nothing of it stays and all is sorted out below.
    IF outcomes <@ ARRAY['scored', 'model_fault'] THEN
        BEGIN
            WITH held AS MATERIALIZED (
                SELECT l.id, l.positions, l.attempt, l.straggler IS NOT NULL AS backup, l.deployment, l.evaluation, l.environment,
                       e.window_id, we.lo_nano, we.hi_nano
                FROM affine.lease l
                JOIN affine.deployment d ON d.id = l.deployment AND d.retired_at IS NULL
                JOIN affine.evaluation e ON e.id = l.evaluation AND e.state = 'running'
                JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = l.environment
                WHERE l.id = ANY (named) AND l.worker IS NOT DISTINCT FROM worker_id
            )
            INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
                error_code, error_detail, evidence, lease, worker, deployment, duration_ms, prompt_tokens, completion_tokens,
                backup)
            SELECT h.window_id, h.evaluation, h.environment, r.position, h.attempt, true,
                   CASE r.outcome WHEN 'scored' THEN 'scored'::affine.outcome ELSE 'model_fault' END,
                   CASE WHEN r.score_nano < h.lo_nano OR r.score_nano > h.hi_nano
                        THEN affine.refuse_score(r.score_nano, h.lo_nano, h.hi_nano) ELSE r.score_nano END,
                   r.error_code, left(r.error_detail, 2000), r.evidence, h.id, worker_id, h.deployment, r.duration_ms,
                   r.prompt_tokens, r.completion_tokens, h.backup
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
                  AND a.position >= lower(run) AND a.position < upper(run)
                  AND (a.final OR (a.attempt >= l.attempt AND a.backup = (l.straggler IS NOT NULL)))));
    END IF;
END $$;

-- A polite hand-back of jobs that were not begun: they return to the queue and it costs them nothing.
CREATE OR REPLACE FUNCTION affine.release(worker_id uuid, leases uuid[], positions integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    jobs integer;
BEGIN
    PERFORM FROM affine.lease l WHERE l.id = ANY (leases) AND l.worker = worker_id ORDER BY l.id FOR UPDATE;
    WITH given AS MATERIALIZED (
        SELECT l.id, l.evaluation, l.environment, l.attempt, l.straggler, e.end_pass, r.position
        FROM unnest(leases, positions) AS r (lease, position)
        JOIN affine.lease l ON l.id = r.lease AND l.worker = worker_id AND l.positions @> r.position
        JOIN affine.evaluation e ON e.id = l.evaluation AND e.state = 'running'
        WHERE NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = l.evaluation
                AND a.environment = l.environment AND a.position = r.position
                AND (a.final OR (a.attempt >= l.attempt AND a.backup = (l.straggler IS NOT NULL))))
    ), rest AS MATERIALIZED (
        SELECT l.id, l.positions - range_agg(int4range(g.position, g.position + 1)) AS positions
        FROM given g JOIN affine.lease l ON l.id = g.id GROUP BY l.id
    ), emptied AS (
        DELETE FROM affine.lease l USING rest WHERE l.id = rest.id AND isempty(rest.positions)
    ), shortened AS (
        UPDATE affine.lease l SET positions = rest.positions FROM rest WHERE l.id = rest.id AND NOT isempty(rest.positions)
    ), returned AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, straggler, pass)
        SELECT g.evaluation, g.environment, g.position, g.position, g.attempt, g.straggler, affine.tail_pass(g.end_pass)
        FROM given g ORDER BY g.position
    )
    SELECT count(*) INTO jobs FROM given;
    RETURN jobs;
END $$;

RESET ROLE;
