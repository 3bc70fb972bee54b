-- What a fleet does all day long should cost next to nothing: to say that it lives, and to ask whether there is work.

SET LOCAL ROLE affine_owner;

-- A heartbeat does not wait for the disk. One that a crash loses leaves the one before it, a quarter of the time to live
-- older; workers trust a heartbeat for less than the rest.
CREATE OR REPLACE FUNCTION affine.heartbeat(worker_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE affine.worker SET seen_at = clock_timestamp() WHERE id = worker_id AND stopped_at IS NULL;
    RETURN FOUND;
END $$;

-- Grows with whatever is queued, a moment before that can be seen: an idle worker looks at it instead of claiming.
CREATE FUNCTION affine.queue_version() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT last_value FROM affine.ready_pass);
END $$;

GRANT EXECUTE ON FUNCTION affine.queue_version() TO affine_worker;

RESET ROLE;
