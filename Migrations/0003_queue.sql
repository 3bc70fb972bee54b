-- The queue: what is ready, what is leased, what was attempted. Rows here are inserted and deleted, never updated.
-- A job is an address (evaluation, environment, position). One ready row stands for a run of positions, one lease for all
-- the runs of an environment that a worker took at once.

SET LOCAL ROLE affine_owner;

-- One row per worker process; only its heartbeat is ever updated.
CREATE TABLE affine.worker (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL,
    lane        affine.lane NOT NULL,
    concurrency integer     NOT NULL CHECK (concurrency BETWEEN 1 AND 100000),
    ttl_ms      integer     NOT NULL CHECK (ttl_ms BETWEEN 1000 AND 600000),
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at  timestamptz
) WITH (fillfactor = 70);
CREATE INDEX worker_live ON affine.worker (id) WHERE stopped_at IS NULL;

-- One model served at one base URL. A URL that begins to serve another model gets a new row and the next generation.
CREATE TABLE affine.deployment (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane          affine.lane NOT NULL,
    base_url      text        NOT NULL,
    generation    integer     NOT NULL CHECK (generation >= 1),
    model         text        NOT NULL,
    revision      text        NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at    timestamptz,
    UNIQUE (base_url, generation)
);
CREATE UNIQUE INDEX one_deployment_per_url ON affine.deployment (base_url) WHERE retired_at IS NULL;

CREATE SEQUENCE affine.ready_pass;

-- Columns stand by width, so that no row holds padding.
CREATE TABLE affine.ready (
    evaluation    bigint   NOT NULL,
    pass          bigint   NOT NULL DEFAULT nextval('affine.ready_pass'),
    from_position integer  NOT NULL,
    to_position   integer  NOT NULL,
    environment   smallint NOT NULL,
    attempt       smallint NOT NULL,
    PRIMARY KEY (evaluation, environment, pass),
    CHECK (from_position BETWEEN 0 AND to_position)
);

CREATE TABLE affine.lease (
    id            uuid        PRIMARY KEY,
    worker        uuid        NOT NULL,
    deployment    bigint      NOT NULL,
    evaluation    bigint      NOT NULL,
    -- The lowest pass among the runs taken.
    pass          bigint      NOT NULL,
    environment   smallint    NOT NULL,
    attempt       smallint    NOT NULL,
    positions     int4multirange NOT NULL CHECK (NOT isempty(positions) AND lower(positions) >= 0),
    claimed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL
);
CREATE INDEX lease_worker ON affine.lease (worker);
CREATE INDEX lease_evaluation ON affine.lease (evaluation);

-- The job history; columns stand by width here as well. `final` marks the one attempt of a job that counts; the unique
-- index that each partition gets keeps it the only one, and keeps a failed try from being recorded twice.
CREATE TABLE affine.attempt (
    window_id         bigint         NOT NULL,
    evaluation        bigint         NOT NULL,
    deployment        bigint,
    score_nano        bigint,
    ended_at          timestamptz    NOT NULL DEFAULT clock_timestamp(),
    lease             uuid           NOT NULL,
    worker            uuid,
    position          integer        NOT NULL,
    duration_ms       integer        NOT NULL,
    prompt_tokens     integer,
    completion_tokens integer,
    outcome           affine.outcome NOT NULL,
    environment       smallint       NOT NULL,
    attempt           smallint       NOT NULL,
    final             boolean        NOT NULL,
    error_code        text,
    error_detail      text,
    evidence          text,
    CHECK ((outcome = 'scored') = (score_nano IS NOT NULL)),
    CHECK (outcome = 'scored' OR error_code IS NOT NULL),
    CHECK (final OR outcome IN ('infra_fault', 'environment_fault'))
) PARTITION BY LIST (window_id);
SELECT affine.make_append_only('affine.attempt');

-- The positions of a lease, one row each.
CREATE FUNCTION affine.each_position(positions int4multirange) RETURNS SETOF integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT generate_series(lower(run), upper(run) - 1) FROM unnest(positions) AS run
$$;

-- Attaching a table that exists takes no lock that readers or writers of other windows would wait for.
CREATE FUNCTION affine.open_attempt_partition(window_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition_name text := 'affine.attempt_window_' || window_id;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE affine.attempt INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
    -- On the partition, because on the parent it would have to repeat the window in every entry.
    EXECUTE format('CREATE UNIQUE INDEX one_final_attempt_%s ON %s '
                   '(evaluation, environment, position, (CASE WHEN final THEN 0::smallint ELSE attempt END))',
                   window_id, partition_name);
    EXECUTE format('ALTER TABLE affine.attempt ATTACH PARTITION %s FOR VALUES IN (%s)', partition_name, window_id);
    -- A partition inherits the triggers for rows, not the one for TRUNCATE.
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION affine.refuse_change()', partition_name);
END $$;

-- Plans positions [first_position, last_position] of one or all environments of an evaluation (null: all, as planned).
-- Runs have the environment's length while eight more would fit, then shrink to 1; environments take turns.
CREATE FUNCTION affine.enqueue(target bigint, only_environment smallint DEFAULT NULL,
                               first_position integer DEFAULT 0) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE planned AS (
        SELECT ee.environment, we.run_length::integer AS length, ee.planned AS until
        FROM affine.evaluation_environment ee
        JOIN affine.evaluation e ON e.id = ee.evaluation
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = ee.environment
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
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt)
        SELECT target, environment, from_position, to_position, 1 FROM run
        ORDER BY from_position::bigint * 1000000 / until, environment
        RETURNING to_position - from_position + 1 AS jobs
    )
    SELECT COALESCE(sum(jobs), 0)::integer FROM added
$$;

-- Held shared by whoever stores results of an evaluation and alone by whoever ends it, to the end of the transaction: after
-- the end is committed, nothing that began before it can still add a result.
CREATE FUNCTION affine.evaluation_lock(target bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtextextended('affine.evaluation ' || target, 0)
$$;

CREATE FUNCTION affine.end_evaluation(target bigint, end_state text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(affine.evaluation_lock(target));
    UPDATE affine.evaluation SET state = end_state::affine.evaluation_state, state_reason = reason, ended_at = clock_timestamp()
    WHERE id = target AND state = 'running';
END $$;

-- Takes leases away from their workers: what they have not reported goes back to the tail of the queue, one attempt
-- later when `counted`; a job whose attempts are used up ends in a final infra_fault instead.
CREATE FUNCTION affine.requeue(leases uuid[], counted boolean, code text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    jobs integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(affine.evaluation_lock(l.evaluation)) FROM affine.lease l WHERE l.id = ANY (leases);
    WITH gone AS (
        DELETE FROM affine.lease WHERE id = ANY (leases) RETURNING *
    ), missing AS (
        SELECT g.id, e.window_id, g.evaluation, g.environment, p AS position, g.attempt, g.worker, g.deployment, g.claimed_at,
               we.max_attempts, we.run_length, counted AND g.attempt >= we.max_attempts AS spent
        FROM gone g
        JOIN affine.evaluation e ON e.id = g.evaluation
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = g.environment
        CROSS JOIN LATERAL affine.each_position(g.positions) AS p
        WHERE e.state = 'running' AND NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = g.evaluation
                AND a.environment = g.environment AND a.position = p AND (a.final OR a.attempt >= g.attempt))
    ), recorded AS (
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, error_code,
                                    lease, worker, deployment, duration_ms)
        SELECT window_id, evaluation, environment, position, attempt, spent, 'infra_fault', code, id, worker, deployment,
               LEAST(extract(epoch FROM clock_timestamp() - claimed_at) * 1000, 2147483647)::integer
        FROM missing WHERE counted ORDER BY evaluation, environment, position
        ON CONFLICT DO NOTHING
    ), island AS (
        SELECT evaluation, environment, attempt, min(position) AS from_position, max(position) AS to_position
        FROM (SELECT m.*, position - row_number() OVER (PARTITION BY id ORDER BY position) AS island FROM missing m
              WHERE NOT spent) AS numbered
        GROUP BY id, island, position / run_length, evaluation, environment, attempt
    ), returned AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt)
        SELECT evaluation, environment, from_position, to_position, attempt + counted::integer FROM island
        ORDER BY from_position
    )
    SELECT count(*) INTO jobs FROM missing;
    RETURN jobs;
END $$;

-- Clears away what is left of evaluations that ended: ready rows that no claim takes any more, and leases under which no
-- report is accepted any more. Not part of the transaction that ends an evaluation, which is serializable and would start
-- over whenever a worker settles meanwhile. Leases that are being settled are left for the next call.
CREATE FUNCTION affine.revoke_ended() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM affine.ready r USING affine.evaluation e WHERE e.id = r.evaluation AND e.state <> 'running';
    DELETE FROM affine.lease WHERE id IN (
        SELECT l.id FROM affine.lease l JOIN affine.evaluation e ON e.id = l.evaluation
        WHERE e.state <> 'running' FOR UPDATE OF l SKIP LOCKED);
$$;

-- Leases of workers that fell silent, and leases past their end. Any coordinator may call it, as often as it likes.
CREATE FUNCTION affine.rescue() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost uuid[];
BEGIN
    PERFORM affine.revoke_ended();
    SELECT array_agg(id) INTO lost FROM (
        SELECT l.id FROM affine.lease l JOIN affine.worker w ON w.id = l.worker
        WHERE l.expires_at < clock_timestamp() OR w.stopped_at IS NOT NULL
           OR EXISTS (SELECT FROM affine.deployment d WHERE d.id = l.deployment AND d.retired_at IS NOT NULL)
           OR w.seen_at < clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)
        ORDER BY l.id FOR UPDATE OF l SKIP LOCKED) AS overdue;
    IF lost IS NULL THEN
        RETURN 0;
    END IF;
    RETURN affine.requeue(lost, true, 'lease_lost');
END $$;

GRANT SELECT ON affine.worker, affine.deployment, affine.ready, affine.lease, affine.attempt TO affine_coordinator;
GRANT EXECUTE ON FUNCTION affine.end_evaluation(bigint, text, text), affine.open_attempt_partition(bigint),
    affine.enqueue(bigint, smallint, integer), affine.rescue(),
    affine.revoke_ended() TO affine_coordinator;

RESET ROLE;
