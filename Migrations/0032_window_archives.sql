-- Closed windows may leave the history: their attempts are kept in a file, and their part of affine.attempt is detached.

SET LOCAL ROLE affine_owner;

CREATE TABLE affine.window_archive (
    window_id       bigint      PRIMARY KEY REFERENCES affine.task_window (id),
    archived_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    contests        bigint      NOT NULL CHECK (contests >= 0),
    attempts        bigint      NOT NULL CHECK (attempts >= 0),
    -- SHA-256 of the two files.
    contests_digest bytea       NOT NULL CHECK (length(contests_digest) = 32),
    attempts_digest bytea       NOT NULL CHECK (length(attempts_digest) = 32)
);
GRANT SELECT ON affine.window_archive TO affine_coordinator;

CREATE FUNCTION affine.attempt_partition(target bigint) RETURNS regclass LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_regclass('affine.attempt_window_' || target)
$$;

-- Whether a window may be archived, all of whose evaluations were summed; its attempts are summed here. A report may take `grace` to
-- be committed. Returns how many attempts there are. Raises AF007 with the reason where it may not.
CREATE FUNCTION affine.prepare_archive(target bigint, grace interval) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    closed timestamptz;
    attempts bigint;
BEGIN
    SELECT w.closed_at INTO closed FROM affine.task_window w WHERE w.id = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no window %', target USING ERRCODE = 'AF007';
    ELSIF EXISTS (SELECT FROM affine.window_archive a WHERE a.window_id = target) THEN
        RAISE EXCEPTION 'window % is archived already', target USING ERRCODE = 'AF007';
    ELSIF closed IS NULL THEN
        RAISE EXCEPTION 'window % is still open', target USING ERRCODE = 'AF007';
    ELSIF closed > clock_timestamp() - grace THEN
        RAISE EXCEPTION 'window % closed only a moment ago: it can be archived at %', target, closed + grace
            USING ERRCODE = 'AF007';
    END IF;
    PERFORM affine.sum_attempts(clock_timestamp() - grace);
    IF (SELECT m.until < closed FROM affine.attempt_watermark m)
        OR EXISTS (SELECT FROM affine.evaluation e WHERE e.window_id = target AND NOT e.is_summed) THEN
        RAISE EXCEPTION 'the results of window % are still being summed: try again in a minute', target USING ERRCODE = 'AF007';
    END IF;
    SELECT count(*) INTO attempts FROM affine.attempt a WHERE a.window_id = target;
    RETURN attempts;
END $$;

-- Takes a window's attempts out of the history, after they were written to a file. Nothing is deleted: the table stays.
CREATE FUNCTION affine.detach_window(target bigint, contests bigint, attempts bigint, contests_digest bytea, attempts_digest bytea)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM affine.task_window w WHERE w.id = target AND w.state = 'closed') THEN
        RAISE EXCEPTION 'window % is not closed', target USING ERRCODE = 'AF007';
    END IF;
    EXECUTE format('ALTER TABLE affine.attempt DETACH PARTITION %s', affine.attempt_partition(target));
    -- The one for rows was its parent's.
    EXECUTE format('CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION affine.refuse_change()', affine.attempt_partition(target));
    INSERT INTO affine.window_archive (window_id, contests, attempts, contests_digest, attempts_digest)
    VALUES (target, contests, attempts, contests_digest, attempts_digest);
END $$;

-- Brings a window's attempts back into the history, from a table that was left or restored.
CREATE FUNCTION affine.attach_window(target bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition CONSTANT regclass := affine.attempt_partition(target);
    found bigint;
    expected bigint;
BEGIN
    SELECT a.attempts INTO expected FROM affine.window_archive a WHERE a.window_id = target FOR UPDATE;
    EXECUTE format('SELECT count(*) FROM %s WHERE window_id = $1', partition) INTO found USING target;
    IF expected IS NULL OR found <> expected THEN
        RAISE EXCEPTION 'window % was archived with % attempts, and the table has %', target, expected, found USING ERRCODE = 'AF007';
    END IF;
    -- A table that came out of the file is attached already.
    IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = partition AND i.inhparent = 'affine.attempt'::regclass) THEN
        EXECUTE format('DROP TRIGGER append_only ON %s', partition);
        EXECUTE format('ALTER TABLE affine.attempt ATTACH PARTITION %s FOR VALUES IN (%s)', partition, target);
    END IF;
    DELETE FROM affine.window_archive a WHERE a.window_id = target;
    RETURN found;
END $$;

-- The owner's, who alone may change tables.
REVOKE EXECUTE ON FUNCTION affine.attempt_partition(bigint), affine.prepare_archive(bigint, interval),
    affine.detach_window(bigint, bigint, bigint, bytea, bytea), affine.attach_window(bigint) FROM PUBLIC;

CREATE VIEW ops.window_archive AS
SELECT window_id, archived_at, contests, attempts, encode(contests_digest, 'hex') AS contests_digest,
       encode(attempts_digest, 'hex') AS attempts_digest
FROM affine.window_archive;
COMMENT ON VIEW ops.window_archive IS 'windows whose attempts are in a file, no longer in the history';
COMMENT ON COLUMN ops.window_archive.contests_digest IS 'SHA-256 of the file of its contests';
COMMENT ON COLUMN ops.window_archive.attempts_digest IS 'SHA-256 of the file of its attempts';
GRANT SELECT ON ops.window_archive TO affine_coordinator, affine_dashboard;

CREATE OR REPLACE VIEW ops.job AS
SELECT e.window_id, e.id AS evaluation, e.hotkey, n.name AS environment, p - 1 AS position, ee.task_ids[p] AS task_id,
       CASE WHEN a.final THEN a.outcome::text
            WHEN w.window_id IS NOT NULL THEN 'archived'
            WHEN e.state <> 'running' THEN 'cancelled'
            WHEN l.id IS NOT NULL THEN 'leased'
            WHEN p > ee.planned THEN 'spare'
            ELSE 'ready' END AS state,
       a.score_nano / 1e9 AS score, a.error_code, COALESCE(a.attempt, l.attempt) AS attempt, l.worker, a.ended_at
FROM affine.evaluation e
JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
JOIN affine.environment n ON n.id = ee.environment
LEFT JOIN affine.window_archive w ON w.window_id = e.window_id
CROSS JOIN LATERAL generate_series(1, cardinality(ee.task_ids)) AS p
LEFT JOIN affine.attempt a ON a.window_id = e.window_id AND a.evaluation = e.id AND a.environment = ee.environment
     AND a.position = p - 1 AND a.final
LEFT JOIN LATERAL (
    SELECT held.id, held.worker, held.attempt FROM affine.lease held
    WHERE a.evaluation IS NULL AND held.evaluation = e.id AND held.environment = ee.environment
      AND held.positions @> (p - 1)
    ORDER BY held.attempt DESC LIMIT 1) AS l ON true;

RESET ROLE;
