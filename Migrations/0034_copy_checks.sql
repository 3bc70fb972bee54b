-- Copy checks: before its contest a challenger's model is asked how likely it holds the next tokens of what the champion said, and so is
-- the champion's.

SET LOCAL ROLE affine_owner;

-- Beginnings of what a champion said in a baseline. Everybody is asked for the token that follows.
CREATE TABLE affine.probe (
    evaluation bigint  NOT NULL REFERENCES affine.evaluation (id),
    place      integer NOT NULL CHECK (place >= 0),
    prompt     text    NOT NULL,
    PRIMARY KEY (evaluation, place)
);
SELECT affine.make_append_only('affine.probe');

-- What one model answers to the probes of a baseline.
CREATE TABLE affine.fingerprint (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evaluation  bigint      NOT NULL REFERENCES affine.evaluation (id),
    model       text        NOT NULL,
    revision    text        NOT NULL,
    -- The worker that took it last, how often one has, and what was wrong.
    worker      uuid,
    tries       smallint    NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 3),
    problem     text        NOT NULL DEFAULT '',
    -- JSON: for each probe its likeliest next tokens with the natural logarithms of their probabilities. No jsonb: a token may be a null byte.
    answers     text        CHECK (octet_length(answers) <= 8388608),
    measured_at timestamptz,
    CHECK ((answers IS NULL) = (measured_at IS NULL)),
    UNIQUE (evaluation, model, revision)
);
CREATE INDEX fingerprint_unmeasured ON affine.fingerprint (evaluation, id) WHERE answers IS NULL;

CREATE TABLE affine.copy_check (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The champion's baseline that the challenger is held against.
    evaluation  bigint      NOT NULL REFERENCES affine.evaluation (id),
    hotkey      text        NOT NULL REFERENCES affine.miner (hotkey),
    model       text        NOT NULL,
    revision    text        NOT NULL,
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deadline_at timestamptz NOT NULL,
    verdict     text        CHECK (verdict IN ('copy', 'distinct', 'undecided')),
    reason      text        NOT NULL DEFAULT '',
    positions   integer     CHECK (positions >= 0),
    median_gap  float8      CHECK (median_gap >= 0),
    agreement   float8      CHECK (agreement BETWEEN 0 AND 1),
    judged_at   timestamptz,
    CHECK ((verdict IS NULL) = (judged_at IS NULL)),
    CHECK (verdict <> 'copy' OR (positions > 0 AND median_gap IS NOT NULL)),
    UNIQUE (evaluation, hotkey, model, revision)
);
CREATE INDEX copy_check_unjudged ON affine.copy_check (evaluation) WHERE verdict IS NULL;
GRANT SELECT, INSERT ON affine.probe, affine.fingerprint, affine.copy_check TO affine_coordinator;
GRANT UPDATE ON affine.copy_check TO affine_coordinator;

-- Whether a check waits no longer. Like other deadlines it passes only while a worker is live.
CREATE FUNCTION affine.is_late(k affine.copy_check) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.deadline_at <= clock_timestamp() AND EXISTS (
        SELECT FROM affine.worker w
        WHERE w.stopped_at IS NULL AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0))
$$;

-- Fingerprints that a check still waits for, with whether a live worker measures them. Three workers may fail.
CREATE VIEW affine.open_fingerprint AS
SELECT f.id, f.evaluation, f.model, f.revision, f.worker, held.it AS is_held
FROM affine.fingerprint f
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM affine.worker w WHERE w.id = f.worker AND w.stopped_at IS NULL
                   AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)) AS it) AS held
WHERE f.answers IS NULL AND (f.tries < 3 OR held.it)
  AND EXISTS (SELECT FROM affine.copy_check k JOIN affine.evaluation e ON e.id = k.evaluation
              WHERE k.evaluation = f.evaluation AND k.verdict IS NULL AND NOT affine.is_late(k)
                AND (f.model, f.revision) IN ((k.model, k.revision), (e.model, e.revision)));

-- Where the check of a miner against a baseline stands: missing, waiting (for workers), due (to be judged), judged. An operator's own
-- benchmark entrant needs none.
CREATE FUNCTION affine.copy_check_state(baseline bigint, target text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN m.benchmark IS NOT NULL OR k.verdict IS NOT NULL THEN 'judged'
                WHEN k.id IS NULL THEN 'missing'
                WHEN EXISTS (SELECT FROM affine.open_fingerprint f WHERE f.evaluation = baseline
                             AND (f.model, f.revision) IN ((c.model, c.revision), (e.model, e.revision))
                             AND NOT affine.is_late(k)) THEN 'waiting'
                ELSE 'due' END
    FROM affine.miner m
    JOIN affine.commitment c ON c.id = m.commitment
    JOIN affine.evaluation e ON e.id = baseline
    LEFT JOIN affine.copy_check k ON k.evaluation = baseline AND k.hotkey = target AND k.model = c.model AND k.revision = c.revision
    WHERE m.hotkey = target
$$;

-- Takes a fingerprint of a model that one of the deployments serves, with the probes in their order.
CREATE FUNCTION affine.claim_fingerprint(worker_id uuid, deployments bigint[])
RETURNS TABLE (fingerprint bigint, deployment bigint, prompts text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken affine.fingerprint;
    chosen bigint;
BEGIN
    SELECT f.* INTO taken FROM affine.fingerprint f
    WHERE f.answers IS NULL AND f.tries < 3
      AND f.id IN (SELECT o.id FROM affine.open_fingerprint o WHERE NOT o.is_held)
      AND EXISTS (SELECT FROM affine.deployment d WHERE d.id = ANY (deployments) AND d.retired_at IS NULL
                  AND d.model = f.model AND d.revision = f.revision)
      AND EXISTS (SELECT FROM affine.worker w WHERE w.id = worker_id AND w.stopped_at IS NULL)
    ORDER BY f.id LIMIT 1 FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE affine.fingerprint f SET worker = worker_id, tries = f.tries + 1 WHERE f.id = taken.id;
    SELECT d.id INTO chosen FROM affine.deployment d
    WHERE d.id = ANY (deployments) AND d.retired_at IS NULL AND d.model = taken.model AND d.revision = taken.revision
    ORDER BY d.id LIMIT 1;
    RETURN QUERY SELECT taken.id, chosen, array_agg(p.prompt ORDER BY p.place) FROM affine.probe p WHERE p.evaluation = taken.evaluation;
END $$;

-- Stores the answers, or why there are none; whether it was still the worker's to do.
CREATE FUNCTION affine.report_fingerprint(worker_id uuid, target bigint, told text, trouble text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE affine.fingerprint f
    SET answers = told, measured_at = CASE WHEN told IS NOT NULL THEN clock_timestamp() END, problem = trouble,
        worker = CASE WHEN told IS NOT NULL THEN worker_id END
    WHERE f.id = target AND f.worker = worker_id AND f.answers IS NULL;
    RETURN FOUND;
END $$;

-- As before, with the fingerprints that are wanted.
CREATE OR REPLACE FUNCTION affine.open_work(worker_id uuid, host_name text)
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
    ), part AS (
        SELECT o.model, o.revision, o.is_baseline, o.is_ahead, o.id, COALESCE(w.seconds, 0) AS seconds, COALESCE(h.jobs, 0) AS held
        FROM open o JOIN work w USING (id) LEFT JOIN held h ON h.evaluation = o.id
        UNION ALL
        -- A minute of work. While a contest runs nobody waits for it.
        SELECT f.model, f.revision, false, EXISTS (SELECT FROM affine.contest c WHERE c.state = 'running'), f.evaluation,
               CASE WHEN f.is_held THEN 0 ELSE 60 END, CASE WHEN f.is_held AND f.worker = worker_id THEN 1 ELSE 0 END
        FROM affine.open_fingerprint f
    ), wanted AS (
        SELECT p.model, p.revision, bool_or(p.is_baseline) AS is_baseline, bool_and(p.is_ahead) AS is_ahead, min(p.id) AS first,
               sum(p.seconds) AS seconds, sum(p.held)::bigint AS held
        FROM part p WHERE p.seconds > 0 OR p.held > 0
        GROUP BY p.model, p.revision
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

REVOKE ALL ON FUNCTION affine.is_late(affine.copy_check), affine.copy_check_state(bigint, text), affine.claim_fingerprint(uuid, bigint[]),
    affine.report_fingerprint(uuid, bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.copy_check_state(bigint, text) TO affine_coordinator;
GRANT EXECUTE ON FUNCTION affine.claim_fingerprint(uuid, bigint[]), affine.report_fingerprint(uuid, bigint, text, text) TO affine_worker;

CREATE VIEW ops.copy_check AS
SELECT k.id AS copy_check, e.window_id, k.hotkey, k.model, k.revision, e.hotkey AS champion, e.model AS champion_model,
       COALESCE(k.verdict, 'open') AS state, k.positions, k.median_gap, k.agreement, k.reason,
       (SELECT count(*) FROM affine.probe p WHERE p.evaluation = k.evaluation) AS probes,
       challenger.answers IS NOT NULL AS is_measured, own.answers IS NOT NULL AS champion_is_measured,
       k.opened_at, k.deadline_at, k.judged_at
FROM affine.copy_check k
JOIN affine.evaluation e ON e.id = k.evaluation
LEFT JOIN affine.fingerprint challenger
  ON challenger.evaluation = k.evaluation AND challenger.model = k.model AND challenger.revision = k.revision
LEFT JOIN affine.fingerprint own ON own.evaluation = k.evaluation AND own.model = e.model AND own.revision = e.revision;
COMMENT ON VIEW ops.copy_check IS 'challengers'' models held against the champion''s before their contests';
COMMENT ON COLUMN ops.copy_check.copy_check IS 'the number of the check';
COMMENT ON COLUMN ops.copy_check.window_id IS 'the window whose baseline the probes are cut from';
COMMENT ON COLUMN ops.copy_check.hotkey IS 'the challenger';
COMMENT ON COLUMN ops.copy_check.model IS 'the challenger''s model';
COMMENT ON COLUMN ops.copy_check.revision IS 'the challenger''s revision';
COMMENT ON COLUMN ops.copy_check.champion IS 'the champion''s hotkey';
COMMENT ON COLUMN ops.copy_check.champion_model IS 'the champion''s model';
COMMENT ON COLUMN ops.copy_check.state IS 'open, copy, distinct, or undecided';
COMMENT ON COLUMN ops.copy_check.positions IS 'probes at which one of the models was in doubt';
COMMENT ON COLUMN ops.copy_check.median_gap IS
    'the median over those of how far apart the models'' log-probabilities of the champion''s likeliest token are, in nats';
COMMENT ON COLUMN ops.copy_check.agreement IS 'the share of those, 0 to 1, at which both models hold the same token for the likeliest';
COMMENT ON COLUMN ops.copy_check.reason IS 'why it was judged so';
COMMENT ON COLUMN ops.copy_check.probes IS 'texts that both models are asked about';
COMMENT ON COLUMN ops.copy_check.is_measured IS 'whether the challenger''s answers are there';
COMMENT ON COLUMN ops.copy_check.champion_is_measured IS 'whether the champion''s are';
COMMENT ON COLUMN ops.copy_check.opened_at IS 'when it began';
COMMENT ON COLUMN ops.copy_check.deadline_at IS 'when the contest no longer waits for it';
COMMENT ON COLUMN ops.copy_check.judged_at IS 'when it was judged';
GRANT SELECT ON ops.copy_check TO affine_coordinator, affine_dashboard;

RESET ROLE;
