-- A heartbeat does not wait for the disk. One that a crash loses leaves the one before it, a quarter of the time to live
-- older; workers trust a heartbeat for less than the rest.

SET LOCAL ROLE affine_owner;

CREATE OR REPLACE FUNCTION affine.heartbeat(worker_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE affine.worker SET seen_at = clock_timestamp() WHERE id = worker_id AND stopped_at IS NULL;
    RETURN FOUND;
END $$;

RESET ROLE;
