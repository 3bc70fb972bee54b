-- Deployments that several workers share, such as Targon's: how a load went is told by each of them, and counts once; and
-- before one of them ends a deployment it asks who else is placed on it.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.model_load ADD COLUMN instance text CHECK (instance <> '' AND length(instance) <= 200);
CREATE UNIQUE INDEX model_load_once ON affine.model_load (instance, is_served) WHERE instance IS NOT NULL;

-- As before. `shared_instance` names what was to serve the model where other workers may tell of the same: its first success and
-- its first failure are kept, by whomever.
DROP FUNCTION affine.record_load(uuid, text, text, text, boolean, integer, text);
CREATE FUNCTION affine.record_load(worker_id uuid, host_name text, loaded_model text, loaded_revision text, served boolean,
                                   took_ms integer, words text, shared_instance text DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO affine.model_load (worker, host, model, revision, is_served, duration_ms, detail, instance)
    SELECT w.id, host_name, loaded_model, loaded_revision, served, took_ms, right(words, 4000), shared_instance
    FROM affine.worker w WHERE w.id = worker_id
    ON CONFLICT (instance, is_served) WHERE instance IS NOT NULL DO NOTHING
$$;

-- The models that workers are placed on, with the name of the host. A worker counts until it stopped, or was silent for longer
-- than its time to live and `silence_seconds` more: one whose database was away is back in a moment.
CREATE FUNCTION affine.placed_models(silence_seconds float8)
RETURNS TABLE (host text, model text, revision text, workers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.host, p.model, p.revision, count(*)
    FROM affine.placement p JOIN affine.worker w ON w.id = p.worker
    WHERE w.stopped_at IS NULL
      AND w.seen_at > clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0 + silence_seconds)
    GROUP BY p.host, p.model, p.revision
    ORDER BY p.host, p.model, p.revision
$$;

CREATE OR REPLACE VIEW ops.model_load AS
SELECT l.id, l.at, l.host, w.name AS worker, l.model, l.revision, l.is_served, l.duration_ms, l.detail, l.instance
FROM affine.model_load l LEFT JOIN affine.worker w ON w.id = l.worker;
COMMENT ON COLUMN ops.model_load.instance IS 'names what several workers share, such as a workload; null for a worker''s own engine';

GRANT EXECUTE ON FUNCTION affine.record_load(uuid, text, text, text, boolean, integer, text, text) TO affine_worker;
GRANT EXECUTE ON FUNCTION affine.placed_models(float8) TO affine_worker, affine_coordinator;

RESET ROLE;
