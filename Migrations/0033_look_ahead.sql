-- Evaluations of the next miners in the queue may run before their contests, on what no contest needs; and why a worker that
-- has nothing in hand has nothing.

SET LOCAL ROLE affine_owner;

-- Planned while another miner's contest ran. Its own contest takes it over.
ALTER TABLE affine.evaluation ADD COLUMN planned_ahead boolean NOT NULL DEFAULT false;

-- Whether no contest has come to the evaluation yet.
CREATE FUNCTION affine.is_ahead(e affine.evaluation) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    SELECT e.planned_ahead AND NOT EXISTS (SELECT FROM affine.contest c WHERE c.challenger_evaluation = e.id)
$$;

-- As before, but for what runs ahead: it begins behind all that others have planned, and others do not begin behind it.
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
    WHERE e.state = 'running' AND (owner.planned_ahead OR (e.model = owner.model AND e.revision = owner.revision));
    IF owner.planned_ahead THEN
        -- Far enough for all that is queued again, each of which takes one of virtual time.
        start := start + 1099511627776;
    ELSE
        SELECT GREATEST(min(head.pass), start) INTO start
        FROM affine.evaluation e
        JOIN affine.window_environment we ON we.window_id = e.window_id
        CROSS JOIN LATERAL (
            SELECT r.pass FROM affine.ready r WHERE r.evaluation = e.id AND r.environment = we.environment
            ORDER BY r.pass LIMIT 1) AS head
        WHERE e.state = 'running' AND (e.model, e.revision) <> (owner.model, owner.revision) AND NOT affine.is_ahead(e);
    END IF;
    WITH RECURSIVE planned AS MATERIALIZED (
        SELECT ee.environment, ee.turn, affine.run_length(owner.window_id, ee.environment) AS length, ee.planned AS until
        FROM affine.evaluation_environment ee
        WHERE ee.evaluation = target AND (only_environment IS NULL OR ee.environment = only_environment)
    ), run AS (
        SELECT environment, turn, length, until, first_position AS from_position,
               LEAST(first_position + GREATEST(1, LEAST(length, (until - first_position) / 8)), until) - 1 AS to_position
        FROM planned WHERE first_position < until
        UNION ALL
        SELECT environment, turn, length, until, to_position + 1,
               to_position + GREATEST(1, LEAST(length, (until - to_position - 1) / 8))
        FROM run WHERE to_position + 1 < until
    ), added AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, pass)
        SELECT target, environment, from_position, to_position, 1,
               CASE WHEN owner.end_pass = 0 THEN start + (place - 1) * stride ELSE affine.tail_pass(owner.end_pass) END
        FROM (SELECT *, row_number() OVER (ORDER BY turn, from_position::bigint * 1000000 / until, environment) AS place
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

-- As before, with what runs ahead after everything else.
DROP FUNCTION affine.open_work(uuid, text);
CREATE FUNCTION affine.open_work(worker_id uuid, host_name text)
RETURNS TABLE (model text, revision text, is_baseline boolean, work_seconds float8, held_jobs bigint, hands bigint,
               failures bigint, failed_seconds_ago float8, host_failures bigint, is_ahead boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    WITH open AS (
        SELECT e.id, e.window_id, e.model, e.revision, affine.is_ahead(e) AS is_ahead,
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
        SELECT o.model, o.revision, bool_or(o.is_baseline) AS is_baseline, bool_and(o.is_ahead) AS is_ahead, min(o.id) AS first,
               COALESCE(sum(w.seconds), 0) AS seconds, COALESCE(sum(h.jobs), 0)::bigint AS held
        FROM open o JOIN work w USING (id) LEFT JOIN held h ON h.evaluation = o.id
        WHERE w.seconds > 0 OR h.jobs > 0
        GROUP BY o.model, o.revision
    )
    SELECT w.model, w.revision, w.is_baseline, w.seconds::float8, w.held, (
               SELECT count(*) FROM affine.placement p JOIN affine.worker k ON k.id = p.worker
               WHERE p.model = w.model AND p.revision = w.revision AND p.worker <> worker_id AND k.stopped_at IS NULL
                 AND k.seen_at > clock_timestamp() - make_interval(secs => k.ttl_ms / 1000.0)),
           f.failures, extract(epoch FROM clock_timestamp() - f.failed_at)::float8, t.models, w.is_ahead
    FROM wanted w
    CROSS JOIN LATERAL affine.load_failures(host_name, w.model, w.revision) AS f
    CROSS JOIN troubled t
    ORDER BY w.is_baseline DESC, w.is_ahead, w.first
$$;
REVOKE ALL ON FUNCTION affine.is_ahead(affine.evaluation), affine.open_work(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.open_work(uuid, text) TO affine_worker;
GRANT EXECUTE ON FUNCTION affine.is_ahead(affine.evaluation) TO affine_coordinator, affine_dashboard;

CREATE OR REPLACE VIEW ops.queue AS
WITH pace AS (
    SELECT COALESCE(avg(d.length), interval '0') AS length FROM (
        SELECT decided_at - opened_at AS length FROM affine.contest WHERE state <> 'running' ORDER BY id DESC LIMIT 20) AS d
), rest AS (
    SELECT COALESCE((SELECT GREATEST(interval '0', p.length - (clock_timestamp() - c.opened_at)) FROM affine.contest c
                     WHERE c.state = 'running'), interval '0') AS left_over, p.length
    FROM pace p
), waiting AS (
    SELECT m.hotkey, m.uid, c.model, c.revision, m.first_block, m.not_before,
           row_number() OVER (ORDER BY m.first_block, m.hotkey) AS position, m.benchmark
    FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment WHERE m.state = 'pending'
), ahead AS (
    SELECT e.hotkey, sum(p.finished)::float8 / sum(p.planned) AS share
    FROM affine.evaluation e JOIN ops.evaluation_progress p ON p.evaluation = e.id
    WHERE e.state = 'running' AND affine.is_ahead(e) GROUP BY e.hotkey
)
SELECT w.position, w.hotkey, w.uid, w.model, w.revision, w.first_block,
       CASE WHEN (SELECT count(*) FROM affine.contest WHERE state <> 'running') > 0
            THEN GREATEST(w.not_before, clock_timestamp() + r.left_over + (w.position - 1) * r.length) END AS expected_at,
       w.benchmark, a.share AS evaluated_ahead
FROM waiting w CROSS JOIN rest r LEFT JOIN ahead a ON a.hotkey = w.hotkey;
COMMENT ON COLUMN ops.queue.evaluated_ahead IS
    'the share of its jobs, 0 to 1, that ended before its contest began; null where none was planned so early';

CREATE OR REPLACE VIEW ops.worker AS
WITH open AS (
    SELECT DISTINCT e.model, e.revision FROM affine.evaluation e
    WHERE e.state = 'running' AND EXISTS (
        SELECT FROM affine.evaluation_environment ee
        JOIN affine.ready r ON r.evaluation = ee.evaluation AND r.environment = ee.environment WHERE ee.evaluation = e.id)
)
SELECT w.id, w.name, w.lane::text AS lane, w.concurrency, w.started_at,
       extract(epoch FROM clock_timestamp() - w.seen_at) AS silent_seconds, s.state, h.leased_jobs,
       CASE WHEN s.state <> 'live' OR h.leased_jobs > 0 THEN NULL
            WHEN NOT EXISTS (SELECT FROM open) THEN
                CASE WHEN EXISTS (SELECT FROM affine.lease) THEN 'all jobs that are left are in work elsewhere'
                     WHEN k.paused_reason IS NOT NULL THEN 'the arena is paused: ' || k.paused_reason
                     WHEN NOT EXISTS (SELECT FROM affine.miner m WHERE m.state IN ('pending', 'contesting'))
                         THEN 'nobody waits in the queue'
                     ELSE 'no job is ready' END
            WHEN w.lane = 'endpoint' THEN 'none of its endpoints serves a model that has jobs ready'
            WHEN p.model IS NOT NULL THEN
                CASE WHEN EXISTS (SELECT FROM open o WHERE o.model = p.model AND o.revision = p.revision)
                     THEN 'it loads ' ELSE 'no job is ready for ' END || p.model
            WHEN (SELECT NOT l.is_served FROM affine.model_load l WHERE l.worker = w.id ORDER BY l.id DESC LIMIT 1)
                THEN 'the last model it was to load failed'
            ELSE 'others end the work sooner than it could load a model' END AS idle_because
FROM affine.worker w
CROSS JOIN affine.arena_control k
CROSS JOIN LATERAL (
    SELECT CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped'
                WHEN w.seen_at < clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0) THEN 'silent'
                ELSE 'live' END AS state) AS s
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(upper(r) - lower(r)), 0) AS leased_jobs
    FROM affine.lease l, unnest(l.positions) AS r WHERE l.worker = w.id) AS h
LEFT JOIN affine.placement p ON p.worker = w.id;
COMMENT ON COLUMN ops.worker.idle_because IS 'why a live worker has no job in hand; null where it has, and for others';

RESET ROLE;
