-- Environments that workers run in containers.

SET LOCAL ROLE affine_owner;

-- Whether a document says how a container is run: every member there, of its kind and within its bounds, and no other.
-- Variables have values that anyone may see; secrets are names only, whose values workers take from their own process.
CREATE FUNCTION affine.is_container(document jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_typeof(document) = 'object' AND document ?& ARRAY['image', 'memory_bytes', 'pids_limit',
               'read_only', 'port', 'env', 'secrets', 'replicas', 'idle_seconds', 'start_seconds']
           AND document - ARRAY['image', 'memory_bytes', 'nano_cpus', 'pids_limit', 'read_only', 'port', 'env', 'secrets',
               'replicas', 'idle_seconds', 'start_seconds'] = '{}'
           AND document ->> 'image' ~ '^([a-z0-9][a-z0-9._/:-]{0,199}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9._/:-]{0,199}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64})$'
           AND jsonb_typeof(document -> 'read_only') = 'boolean'
           AND (SELECT bool_and(CASE WHEN jsonb_typeof(document -> name) = 'number'
                                     THEN (document ->> name)::numeric BETWEEN lowest AND highest
                                          AND (document ->> name)::numeric % 1 = 0
                                     ELSE name = 'nano_cpus' AND NOT document ? name END)
                FROM (VALUES ('memory_bytes', 16777216, 17592186044416), ('nano_cpus', 10000000, 1024000000000),
                             ('pids_limit', 8, 65536), ('port', 1, 65535), ('replicas', 1, 64),
                             ('idle_seconds', 1, 86400), ('start_seconds', 1, 3600)) AS bound (name, lowest, highest))
           AND jsonb_typeof(document -> 'env') = 'object' AND jsonb_typeof(document -> 'secrets') = 'array'
           AND NOT document @? '$.env.* ? (@.type() != "string")'
           AND NOT document @? '$.env.keyvalue().key ? (!(@ like_regex "^[A-Z][A-Z0-9_]{0,127}$"))'
           AND NOT document @? 'strict $.secrets[*] ? (@.type() != "string" || !(@ like_regex "^[A-Z][A-Z0-9_]{0,127}$"))',
       false)
$$;
GRANT EXECUTE ON FUNCTION affine.is_container(jsonb) TO affine_coordinator;

ALTER TABLE affine.environment
    DROP CONSTRAINT environment_kind_check,
    ADD CONSTRAINT environment_kind_check CHECK (kind IN ('builtin', 'url', 'container')),
    ADD COLUMN container jsonb,
    ADD CONSTRAINT environment_container CHECK ((kind = 'container') = (container IS NOT NULL)),
    ADD CONSTRAINT environment_container_document CHECK (container IS NULL OR affine.is_container(container));

ALTER TABLE affine.window_environment ADD COLUMN container jsonb;

-- As before, and how the container of an environment of kind 'container' is run. Volatile still: a claim may have seen an
-- evaluation that is younger than the statement that asks.
DROP FUNCTION affine.describe_evaluation(bigint);
CREATE FUNCTION affine.describe_evaluation(target bigint)
RETURNS TABLE (environment smallint, name text, kind text, base_url text, lo_nano bigint, hi_nano bigint,
               timeout_ms integer, temperature double precision, parameters text, task_ids bigint[], container text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT we.environment, n.name, we.kind, we.base_url, we.lo_nano, we.hi_nano, we.timeout_ms, we.temperature,
           we.parameters::text, ee.task_ids, we.container::text
    FROM affine.evaluation e
    JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
    JOIN affine.window_environment we ON we.window_id = e.window_id AND we.environment = ee.environment
    JOIN affine.environment n ON n.id = we.environment
    WHERE e.id = target
$$;
GRANT EXECUTE ON FUNCTION affine.describe_evaluation(bigint) TO affine_worker;

RESET ROLE;
