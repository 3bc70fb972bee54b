-- Roles, words, and the tables that hold who entered and what may be asked: chain, commitments, miners, environments,
-- rules, events. Every migration acts as affine_owner, so that no function ever runs with a superuser's rights.

DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['affine_owner', 'affine_coordinator', 'affine_worker', 'affine_dashboard']::name[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this cluster is being migrated at the same time: roles are the cluster's
            END;
        END IF;
    END LOOP;
    IF NOT has_database_privilege('affine_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO affine_owner', current_database());
    END IF;
END $$;

SET LOCAL ROLE affine_owner;

CREATE SCHEMA affine;
CREATE SCHEMA ops;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA affine TO affine_coordinator, affine_worker;
GRANT USAGE ON SCHEMA ops TO affine_coordinator, affine_dashboard;

CREATE TYPE affine.lane AS ENUM ('b300', 'targon', 'endpoint');
CREATE TYPE affine.outcome AS ENUM ('scored', 'model_fault', 'infra_fault', 'environment_fault', 'cancelled');
CREATE TYPE affine.verdict AS ENUM ('dethroned', 'champion_keeps', 'void');
CREATE TYPE affine.miner_state AS ENUM ('pending', 'contesting', 'champion', 'terminated', 'invalid');

CREATE FUNCTION affine.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'AF001';
END $$;

CREATE FUNCTION affine.make_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION affine.refuse_change()', target);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION affine.refuse_change()', target);
END $$;

-- What happened, who did it, and why. Rows are numbered without gaps and each hashes the one before it.
CREATE TABLE affine.event (
    id              bigint      PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor           text        NOT NULL CHECK (actor <> ''),
    kind            text        NOT NULL CHECK (kind ~ '^[a-z]+\.[a-z_]+$'),
    subject         text        NOT NULL DEFAULT '',
    reason          text        NOT NULL DEFAULT '',
    detail          jsonb       NOT NULL DEFAULT '{}',
    previous_digest bytea       NOT NULL,
    digest          bytea       NOT NULL
);
SELECT affine.make_append_only('affine.event');

-- The chain's last link. Locking this row puts writers of events in order; a serializable writer retries.
CREATE TABLE affine.event_head (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    id     bigint  NOT NULL,
    digest bytea   NOT NULL
);
INSERT INTO affine.event_head (id, digest) VALUES (0, sha256('affine/events/1'));

-- SHA-256 over the previous digest and a length-prefixed rendering of every other column.
CREATE FUNCTION affine.event_digest(e affine.event) RETURNS bytea LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(e.previous_digest || convert_to(string_agg(length(field) || ':' || field, '' ORDER BY place), 'UTF8'))
    FROM unnest(ARRAY[e.id::text, (extract(epoch FROM e.at) * 1000000)::bigint::text, e.actor, e.kind, e.subject,
                      e.reason, e.detail::text]) WITH ORDINALITY AS part (field, place)
$$;

CREATE FUNCTION affine.link_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT h.id + 1, h.digest INTO NEW.id, NEW.previous_digest FROM affine.event_head h FOR UPDATE;
    NEW.digest := affine.event_digest(NEW);
    UPDATE affine.event_head SET id = NEW.id, digest = NEW.digest;
    RETURN NEW;
END $$;
CREATE TRIGGER link BEFORE INSERT ON affine.event FOR EACH ROW EXECUTE FUNCTION affine.link_event();

CREATE TABLE affine.chain_block (
    number  bigint      PRIMARY KEY CHECK (number >= 0),
    hash    bytea       NOT NULL CHECK (length(hash) = 32),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT affine.make_append_only('affine.chain_block');

-- What the chain showed.
CREATE TABLE affine.commitment (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hotkey   text        NOT NULL CHECK (hotkey ~ '^[1-9A-HJ-NP-Za-km-z]{46,48}$'),
    model    text        NOT NULL CHECK (model ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$'),
    revision text        NOT NULL CHECK (revision ~ '^[0-9a-f]{40}$'),
    block    bigint      NOT NULL CHECK (block >= 0),
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (hotkey, block, model, revision),
    UNIQUE (id, hotkey, block)
);
SELECT affine.make_append_only('affine.commitment');

-- A hotkey's one lifetime, under the commitment that counts.
CREATE TABLE affine.miner (
    hotkey        text               PRIMARY KEY,
    commitment    bigint             NOT NULL UNIQUE,
    first_block   bigint             NOT NULL,
    uid           integer            CHECK (uid BETWEEN 0 AND 65535),
    state         affine.miner_state NOT NULL DEFAULT 'pending',
    state_reason  text               NOT NULL DEFAULT '',
    void_contests smallint           NOT NULL DEFAULT 0 CHECK (void_contests >= 0),
    not_before    timestamptz        NOT NULL DEFAULT '-infinity',
    updated_at    timestamptz        NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (commitment, hotkey, first_block) REFERENCES affine.commitment (id, hotkey, block),
    CHECK (state NOT IN ('terminated', 'invalid') OR state_reason <> '')
);
CREATE INDEX miner_queue ON affine.miner (first_block, hotkey) WHERE state = 'pending';
CREATE UNIQUE INDEX one_champion ON affine.miner ((true)) WHERE state = 'champion';

-- terminated and invalid are final; identity never changes.
CREATE FUNCTION affine.guard_miner_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('terminated', 'invalid') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'miner % is % for good', OLD.hotkey, OLD.state USING ERRCODE = 'AF001';
    END IF;
    IF (NEW.hotkey, NEW.commitment) <> (OLD.hotkey, OLD.commitment) THEN
        RAISE EXCEPTION 'miner % cannot change its commitment', OLD.hotkey USING ERRCODE = 'AF001';
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER guard_state BEFORE UPDATE ON affine.miner FOR EACH ROW EXECUTE FUNCTION affine.guard_miner_state();
CREATE TRIGGER keep_miner BEFORE DELETE ON affine.miner FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

-- How many ids a set of half-open ranges holds; null when it is unbounded.
CREATE FUNCTION affine.range_size(ranges int8multirange) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN isempty(ranges) THEN 0 WHEN lower_inf(ranges) OR upper_inf(ranges) THEN NULL
                ELSE (SELECT sum(upper(r) - lower(r))::bigint FROM unnest(ranges) AS r) END
$$;

-- What the next window will ask. A window takes a copy, so a change here acts on later windows only.
CREATE TABLE affine.environment (
    id             smallint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text           NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._:-]{0,62}$'),
    kind           text           NOT NULL CHECK (kind IN ('builtin', 'url')),
    base_url       text           CHECK ((kind = 'url') = (base_url IS NOT NULL)),
    enabled        boolean        NOT NULL DEFAULT true,
    lo_nano        bigint         NOT NULL DEFAULT 0,
    hi_nano        bigint         NOT NULL DEFAULT 1000000000,
    margin_nano    bigint         NOT NULL,
    sampling_count integer        NOT NULL CHECK (sampling_count BETWEEN 1 AND 100000),
    dataset_ranges int8multirange NOT NULL,
    selection      text           NOT NULL DEFAULT 'random' CHECK (selection IN ('random', 'latest')),
    timeout_ms     integer        NOT NULL DEFAULT 600000 CHECK (timeout_ms BETWEEN 100 AND 86400000),
    temperature    double precision NOT NULL DEFAULT 0 CHECK (temperature BETWEEN 0 AND 2),
    max_attempts   smallint       NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
    run_length     smallint       NOT NULL DEFAULT 1 CHECK (run_length BETWEEN 1 AND 1000),
    parameters     jsonb          NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
    CONSTRAINT environment_bounds CHECK (lo_nano < hi_nano AND lo_nano >= -10000000000000 AND hi_nano <= 10000000000000),
    CONSTRAINT environment_margin CHECK (margin_nano >= 0 AND margin_nano < hi_nano - lo_nano),
    CONSTRAINT environment_range CHECK (NOT isempty(dataset_ranges) AND affine.range_size(dataset_ranges) IS NOT NULL
                                        AND lower(dataset_ranges) >= 0),
    CONSTRAINT environment_sampling_count CHECK (sampling_count <= affine.range_size(dataset_ranges))
);

-- Rules are addressed by what they say: the digest is that of the canonical document.
CREATE TABLE affine.rule (
    digest   bytea       PRIMARY KEY,
    document text        NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (digest = sha256(convert_to(document, 'UTF8')))
);
SELECT affine.make_append_only('affine.rule');

GRANT SELECT, INSERT ON affine.event, affine.chain_block, affine.commitment, affine.rule TO affine_coordinator;
GRANT SELECT, INSERT, UPDATE ON affine.miner, affine.environment TO affine_coordinator;
GRANT EXECUTE ON FUNCTION affine.range_size(int8multirange) TO affine_coordinator;

RESET ROLE;
