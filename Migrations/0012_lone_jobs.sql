-- A shorter way for workers that do one job at a time: one call, one transaction and one wait for the disk a job.

SET LOCAL ROLE affine_owner;

-- Stores the report on the last job of a lease and takes the next run of the same evaluation and environment. `status` is
-- settle's answer to the report. The lease is null when nothing was taken: then `affine.claim` looks everywhere.
CREATE FUNCTION affine.settle_and_claim(worker_id uuid, held uuid, held_evaluation bigint, held_environment smallint,
    held_position integer, outcome text, score_nano bigint, error_code text, error_detail text, evidence text,
    duration_ms integer, prompt_tokens integer, completion_tokens integer, floor bigint,
    OUT status text, OUT lease uuid, OUT deployment bigint, OUT evaluation bigint, OUT environment smallint,
    OUT attempt smallint, OUT from_position integer, OUT to_position integer, OUT pass bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    mine affine.lease;
    terms record;
    taken affine.ready;
BEGIN
    SELECT l.* INTO mine FROM affine.lease l WHERE l.id = held AND l.worker = worker_id FOR UPDATE;
    IF FOUND THEN
        PERFORM pg_advisory_xact_lock_shared(affine.evaluation_lock(mine.evaluation));
        SELECT e.window_id, we.lo_nano, we.hi_nano, we.timeout_ms INTO terms
        FROM affine.evaluation e
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = mine.environment
        JOIN affine.deployment d ON d.id = mine.deployment AND d.retired_at IS NULL
        JOIN affine.worker w ON w.id = worker_id AND w.stopped_at IS NULL
             AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)
        WHERE e.id = mine.evaluation AND e.state = 'running';
    END IF;
    IF terms IS NOT NULL AND outcome IN ('scored', 'model_fault')
       AND mine.positions = int4multirange(int4range(held_position, held_position + 1)) THEN
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
            error_code, error_detail, evidence, lease, worker, deployment, duration_ms, prompt_tokens, completion_tokens, backup)
        VALUES (terms.window_id, mine.evaluation, mine.environment, held_position, mine.attempt, true,
                outcome::affine.outcome,
                CASE WHEN score_nano < terms.lo_nano OR score_nano > terms.hi_nano
                     THEN affine.refuse_score(score_nano, terms.lo_nano, terms.hi_nano) ELSE score_nano END,
                error_code, left(error_detail, 2000), evidence, held, worker_id, mine.deployment, duration_ms, prompt_tokens,
                completion_tokens, mine.straggler IS NOT NULL)
        ON CONFLICT DO NOTHING;
        status := CASE WHEN FOUND THEN 'accepted' ELSE 'duplicate' END;
        DELETE FROM affine.lease l WHERE l.id = held;
    ELSE
        SELECT s.status INTO status FROM affine.settle(worker_id, ARRAY[held], ARRAY[held], ARRAY[held_evaluation],
            ARRAY[held_environment], ARRAY[held_position], ARRAY[outcome], ARRAY[score_nano], ARRAY[error_code],
            ARRAY[error_detail], ARRAY[evidence], ARRAY[duration_ms], ARRAY[prompt_tokens], ARRAY[completion_tokens]) AS s;
    END IF;
    IF terms IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM affine.ready t WHERE t.ctid = (
        SELECT r.ctid FROM affine.ready r
        WHERE r.evaluation = mine.evaluation AND r.environment = mine.environment AND r.pass >= floor
          AND r.straggler IS DISTINCT FROM worker_id
        ORDER BY r.pass LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING t.* INTO taken;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO affine.lease (id, worker, deployment, evaluation, environment, attempt, straggler, positions, pass, expires_at)
    VALUES (gen_random_uuid(), worker_id, mine.deployment, taken.evaluation, taken.environment, taken.attempt, taken.straggler,
            int4multirange(int4range(taken.from_position, taken.to_position + 1)), taken.pass,
            clock_timestamp() + make_interval(secs =>
                60 + (taken.to_position - taken.from_position + 1) * (terms.timeout_ms / 1000.0 + 30)))
    RETURNING id INTO lease;
    deployment := mine.deployment;
    evaluation := taken.evaluation;
    environment := taken.environment;
    attempt := taken.attempt;
    from_position := taken.from_position;
    to_position := taken.to_position;
    pass := taken.pass;
END $$;

GRANT EXECUTE ON FUNCTION affine.settle_and_claim(uuid, uuid, bigint, smallint, integer, text, bigint, text, text, text,
                                                  integer, integer, integer, bigint) TO affine_worker;

RESET ROLE;
