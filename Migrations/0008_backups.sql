-- Jobs that take far longer than the others of their kind are offered once more, to another worker. The first final result
-- counts, by the unique index. A backup only ever adds a result: its own failure is kept in the history, but is neither
-- counted against the job's attempts nor queued again, so whoever holds the first lease need not know of it.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.attempt ADD COLUMN backup boolean NOT NULL DEFAULT false;
CREATE INDEX ready_backup ON affine.ready (evaluation) WHERE straggler IS NOT NULL;

-- On the partition, because on the parent it would have to repeat the window in every entry. One final attempt of a job, one
-- failed try for each attempt number, and one of a backup.
CREATE FUNCTION affine.index_attempts(window_id bigint, partition_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX one_final_attempt_%s ON %s (evaluation, environment, position, '
                   '(CASE WHEN final THEN 0::smallint WHEN backup THEN -attempt ELSE attempt END))', window_id, partition_name);
END $$;

-- Nothing is added to windows that are closed, so their indexes may stay as they are.
DO $$
DECLARE
    open_window record;
BEGIN
    FOR open_window IN SELECT w.id, to_regclass('affine.attempt_window_' || w.id) AS part FROM affine.task_window w
                       WHERE w.state <> 'closed' LOOP
        CONTINUE WHEN open_window.part IS NULL;
        EXECUTE format('DROP INDEX affine.one_final_attempt_%s', open_window.id);
        PERFORM affine.index_attempts(open_window.id, open_window.part::text);
    END LOOP;
END $$;

-- Attaching a table that exists takes no lock that readers or writers of other windows would wait for.
CREATE OR REPLACE FUNCTION affine.open_attempt_partition(window_id bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition_name text := 'affine.attempt_window_' || window_id;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE affine.attempt INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
    PERFORM affine.index_attempts(window_id, partition_name);
    EXECUTE format('ALTER TABLE affine.attempt ATTACH PARTITION %s FOR VALUES IN (%s)', partition_name, window_id);
    -- A partition inherits the triggers for rows, not the one for TRUNCATE.
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION affine.refuse_change()', partition_name);
END $$;

-- The functions below are told to look rows up one by one: guesses about sets of unknown size have made the planner read all
-- of the history, or of the queue, for a handful of jobs.

-- Clears away what is left of evaluations that ended. Coordinators call it whenever one ended and every second, so what ended
-- long ago was cleared away long ago: looking for it would walk over all that was claimed and is not yet vacuumed.
CREATE OR REPLACE FUNCTION affine.revoke_ended() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    ended CONSTANT bigint[] := ARRAY(SELECT e.id FROM affine.evaluation e
        WHERE e.state <> 'running' AND e.ended_at > clock_timestamp() - interval '10 minutes');
BEGIN
    DELETE FROM affine.ready WHERE evaluation = ANY (ended);
    DELETE FROM affine.lease WHERE id IN (
        SELECT l.id FROM affine.lease l WHERE l.evaluation = ANY (ended) FOR UPDATE SKIP LOCKED);
END $$;

-- Takes leases away from their workers. What they have not reported goes back to the tail of the queue, one attempt later
-- when `counted`; a job whose attempts are used up ends in a final infra_fault instead. A backup that is counted is over.
CREATE OR REPLACE FUNCTION affine.requeue(leases uuid[], counted boolean, code text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    jobs integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(affine.evaluation_lock(l.evaluation)) FROM affine.lease l WHERE l.id = ANY (leases);
    WITH gone AS (
        DELETE FROM affine.lease WHERE id = ANY (leases) RETURNING *
    ), missing AS (
        SELECT g.id, e.window_id, e.end_pass, g.evaluation, g.environment, p AS position, g.attempt, g.worker, g.deployment,
               g.claimed_at, g.straggler, counted AND g.straggler IS NULL AND g.attempt >= we.max_attempts AS spent
        FROM gone g
        JOIN affine.evaluation e ON e.id = g.evaluation
        JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = g.environment
        CROSS JOIN LATERAL affine.each_position(g.positions) AS p
        WHERE e.state = 'running' AND NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = g.evaluation
                AND a.environment = g.environment AND a.position = p
                AND (a.final OR (a.attempt >= g.attempt AND a.backup = (g.straggler IS NOT NULL))))
    ), recorded AS (
        INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, backup, final, outcome, error_code,
                                    lease, worker, deployment, duration_ms)
        SELECT window_id, evaluation, environment, position, attempt, straggler IS NOT NULL, spent, 'infra_fault', code, id,
               worker, deployment, LEAST(extract(epoch FROM clock_timestamp() - claimed_at) * 1000, 2147483647)::integer
        FROM missing WHERE counted ORDER BY evaluation, environment, position
        ON CONFLICT DO NOTHING
    ), length AS MATERIALIZED (
        SELECT environment, affine.run_length(window_id, environment) AS jobs
        FROM (SELECT DISTINCT window_id, environment FROM missing) AS met
    ), island AS (
        SELECT evaluation, environment, attempt, straggler, end_pass, min(position) AS from_position,
               max(position) AS to_position
        FROM (SELECT m.*, position - row_number() OVER (PARTITION BY id ORDER BY position) AS island FROM missing m
              WHERE NOT spent AND NOT (counted AND straggler IS NOT NULL)) AS numbered
        JOIN length USING (environment)
        GROUP BY id, island, position / length.jobs, evaluation, environment, attempt, straggler, end_pass
    ), returned AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, straggler, pass)
        SELECT evaluation, environment, from_position, to_position, attempt + counted::integer, straggler,
               affine.tail_pass(end_pass)
        FROM island ORDER BY from_position
    )
    SELECT count(*) INTO jobs FROM missing;
    RETURN jobs;
END $$;

-- Queues backups of the jobs that stragglers hold: when nothing of their environment is ready any more, at least ten of its
-- jobs have ended, and a lease has lasted three times as long as its jobs should by their median, and 5 s. A lease is backed
-- up once. Returns how many jobs; any coordinator may call it, as often as it likes.
CREATE FUNCTION affine.back_up() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    jobs integer;
BEGIN
    -- Backups that nobody took before their jobs came to an end.
    DELETE FROM affine.ready r USING affine.evaluation e
    WHERE r.straggler IS NOT NULL AND e.id = r.evaluation AND NOT EXISTS (
        SELECT FROM generate_series(r.from_position, r.to_position) AS p WHERE NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = r.evaluation
                AND a.environment = r.environment AND a.position = p AND a.final));
    WITH usual AS MATERIALIZED (
        SELECT h.evaluation, h.environment, e.window_id, e.end_pass, measured.seconds
        FROM (SELECT DISTINCT evaluation, environment FROM affine.lease) AS h
        JOIN affine.evaluation e ON e.id = h.evaluation AND e.state = 'running'
        LEFT JOIN LATERAL (
            SELECT true AS is_any FROM affine.ready r
            WHERE r.evaluation = h.evaluation AND r.environment = h.environment LIMIT 1) AS waiting ON true
        CROSS JOIN LATERAL (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a.duration_ms) / 1000 AS seconds
            FROM affine.attempt a
            WHERE waiting.is_any IS NULL AND a.window_id = e.window_id AND a.evaluation = h.evaluation
              AND a.environment = h.environment AND a.outcome IN ('scored', 'model_fault')
            HAVING count(*) >= 10) AS measured
    ), late AS MATERIALIZED (
        SELECT l.id, l.worker, l.evaluation, l.environment, l.attempt, l.positions, u.window_id, u.end_pass
        FROM affine.lease l
        JOIN usual u USING (evaluation, environment)
        JOIN affine.worker w ON w.id = l.worker
        WHERE l.straggler IS NULL AND NOT l.backed_up AND l.claimed_at < clock_timestamp() - make_interval(secs =>
            5 + 3 * u.seconds * ceil((SELECT sum(upper(run) - lower(run)) FROM unnest(l.positions) AS run)::float8 / w.concurrency))
        ORDER BY l.id FOR UPDATE OF l SKIP LOCKED
    ), marked AS (
        UPDATE affine.lease l SET backed_up = true FROM late WHERE l.id = late.id
    ), offered AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, straggler, pass)
        SELECT late.evaluation, late.environment, p, p, late.attempt, late.worker, affine.tail_pass(late.end_pass)
        FROM late CROSS JOIN LATERAL affine.each_position(late.positions) AS p
        WHERE NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.window_id = late.window_id AND a.evaluation = late.evaluation
                AND a.environment = late.environment AND a.position = p
                AND (a.final OR (a.attempt >= late.attempt AND NOT a.backup)))
        ORDER BY p
        RETURNING 1
    )
    SELECT count(*) INTO jobs FROM offered;
    RETURN jobs;
END $$;

GRANT EXECUTE ON FUNCTION affine.back_up() TO affine_coordinator;

RESET ROLE;
