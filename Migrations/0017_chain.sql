-- What the chain shows of the subnet, who may enter the queue, and what an operator may do about it.

SET LOCAL ROLE affine_owner;

-- The metagraph as it was last seen. A hotkey can be swapped into a slot without a registration: the anchor is the first
-- hotkey that was seen with the slot's registration.
CREATE TABLE affine.neuron (
    uid              integer     PRIMARY KEY CHECK (uid BETWEEN 0 AND 65535),
    hotkey           text,
    registered_block bigint      NOT NULL,
    anchor_hotkey    text        NOT NULL,
    seen_block       bigint      NOT NULL
);
CREATE INDEX neuron_hotkey ON affine.neuron (hotkey);

-- Every commitment that was revealed in a final block, whatever it says.
CREATE TABLE affine.reveal (
    hotkey  text        NOT NULL CHECK (hotkey ~ '^[1-9A-HJ-NP-Za-km-z]{46,48}$'),
    block   bigint      NOT NULL CHECK (block >= 0),
    ordinal smallint    NOT NULL,
    payload text        NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (hotkey, block, ordinal)
);
SELECT affine.make_append_only('affine.reveal');

CREATE TYPE affine.admission_state AS ENUM ('checking', 'admitted', 'refused');

-- Where the checks of a hotkey's commitment stand. What does not come from the chain itself is refused for good only when it
-- was seen twice, far enough apart.
CREATE TABLE affine.admission (
    hotkey        text                   PRIMARY KEY,
    block         bigint                 NOT NULL,
    state         affine.admission_state NOT NULL DEFAULT 'checking',
    is_final      boolean                NOT NULL DEFAULT false,
    reason        text                   NOT NULL DEFAULT '',
    evidence      text                   NOT NULL DEFAULT '',
    since         timestamptz            NOT NULL DEFAULT clock_timestamp(),
    observations  integer                NOT NULL DEFAULT 0,
    next_check_at timestamptz            NOT NULL DEFAULT clock_timestamp(),
    CHECK (state <> 'refused' OR reason <> ''),
    CHECK (NOT is_final OR state <> 'checking')
);
CREATE INDEX admission_due ON affine.admission (next_check_at) WHERE NOT is_final;

ALTER TABLE affine.miner ADD COLUMN model_hash text CHECK (model_hash ~ '^[0-9a-f]{64}$');
CREATE INDEX miner_model_hash ON affine.miner (model_hash) WHERE model_hash IS NOT NULL;

-- terminated and invalid are final, but for an operator who says why (affine.reinstate).
CREATE OR REPLACE FUNCTION affine.guard_miner_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('terminated', 'invalid') AND NEW.state <> OLD.state
       AND current_setting('affine.reinstating', true) IS DISTINCT FROM OLD.hotkey THEN
        RAISE EXCEPTION 'miner % is % for good', OLD.hotkey, OLD.state USING ERRCODE = 'AF001';
    END IF;
    IF (NEW.hotkey, NEW.commitment) <> (OLD.hotkey, OLD.commitment) THEN
        RAISE EXCEPTION 'miner % cannot change its commitment', OLD.hotkey USING ERRCODE = 'AF001';
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

-- Takes back that a miner was ended, unless a contest has decided it: each meets the champion once.
CREATE FUNCTION affine.reinstate(target text, who text, why text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was affine.miner_state;
BEGIN
    IF why = '' THEN RAISE EXCEPTION 'a reason is needed to reinstate a miner' USING ERRCODE = 'AF001'; END IF;
    SELECT state INTO was FROM affine.miner WHERE hotkey = target FOR UPDATE;
    IF was IS NULL OR was NOT IN ('terminated', 'invalid') THEN
        RAISE EXCEPTION 'miner % is %: only one that is terminated or invalid can be reinstated', target,
            COALESCE(was::text, 'unknown') USING ERRCODE = 'AF001';
    END IF;
    IF EXISTS (SELECT FROM affine.contest WHERE challenger = target AND state = 'decided')
       OR EXISTS (SELECT FROM affine.reign WHERE hotkey = target) THEN
        RAISE EXCEPTION 'miner % has met the champion or been it: that can''t be taken back', target USING ERRCODE = 'AF001';
    END IF;
    PERFORM set_config('affine.reinstating', target, true);
    UPDATE affine.miner SET state = 'pending', state_reason = 'reinstated: ' || why, void_contests = 0, not_before = '-infinity'
    WHERE hotkey = target;
    PERFORM set_config('affine.reinstating', '', true);
    UPDATE affine.admission SET state = 'admitted', is_final = true, reason = 'reinstated: ' || why WHERE hotkey = target;
    INSERT INTO affine.event (actor, kind, subject, reason, detail)
    VALUES (who, 'miner.reinstated', target, why, jsonb_build_object('was', was));
END $$;
REVOKE ALL ON FUNCTION affine.reinstate(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.reinstate(text, text, text) TO affine_coordinator;

-- What an operator asked of the arena: one row.
CREATE TABLE affine.arena_control (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    paused_reason  text,
    rotate_reason  text
);
INSERT INTO affine.arena_control DEFAULT VALUES;

CREATE TYPE affine.emission_status AS ENUM ('due', 'sent', 'final', 'superseded');

-- Weights on their way to the chain. Each is tried until it is final or a newer one is due.
CREATE TABLE affine.weight_emission (
    id        bigint                 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    block     bigint                 NOT NULL,
    snapshot  bigint                 NOT NULL REFERENCES affine.weight_snapshot (id),
    burn_nano bigint                 NOT NULL CHECK (burn_nano BETWEEN 0 AND 1000000000),
    -- Shares by uid, in 1e-9; they add up to one.
    uids      integer[]              NOT NULL,
    shares    bigint[]               NOT NULL,
    status    affine.emission_status NOT NULL DEFAULT 'due',
    tries     integer                NOT NULL DEFAULT 0,
    detail    text                   NOT NULL DEFAULT '',
    due_at    timestamptz            NOT NULL DEFAULT clock_timestamp(),
    sent_at   timestamptz,
    final_at  timestamptz,
    CHECK (cardinality(uids) = cardinality(shares) AND cardinality(uids) >= 1),
    CHECK ((status = 'final') = (final_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_emission_under_way ON affine.weight_emission ((true)) WHERE status IN ('due', 'sent');

CREATE FUNCTION affine.guard_emission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('final', 'superseded')
       OR (NEW.id, NEW.block, NEW.snapshot, NEW.burn_nano, NEW.uids, NEW.shares)
          <> (OLD.id, OLD.block, OLD.snapshot, OLD.burn_nano, OLD.uids, OLD.shares) THEN
        RAISE EXCEPTION 'weight emission % is as it is', OLD.id USING ERRCODE = 'AF001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen_emission BEFORE UPDATE ON affine.weight_emission FOR EACH ROW EXECUTE FUNCTION affine.guard_emission();
CREATE TRIGGER keep_emission BEFORE DELETE ON affine.weight_emission FOR EACH ROW EXECUTE FUNCTION affine.refuse_change();

GRANT SELECT, INSERT ON affine.reveal TO affine_coordinator;
GRANT SELECT, INSERT, UPDATE ON affine.neuron, affine.admission, affine.weight_emission TO affine_coordinator;
GRANT SELECT, UPDATE ON affine.arena_control TO affine_coordinator;

CREATE VIEW ops.admission AS
SELECT a.hotkey, n.uid, a.block, a.state::text AS state, a.is_final, a.reason, a.evidence, a.since, a.observations,
       a.next_check_at
FROM affine.admission a LEFT JOIN affine.neuron n USING (hotkey);
COMMENT ON VIEW ops.admission IS 'where the checks of each committed hotkey stand';
COMMENT ON COLUMN ops.admission.block IS 'of the commitment that counts';
COMMENT ON COLUMN ops.admission.state IS 'checking, admitted or refused';
COMMENT ON COLUMN ops.admission.is_final IS 'false while it will be looked at again';
COMMENT ON COLUMN ops.admission.reason IS 'the first check that did not pass';
COMMENT ON COLUMN ops.admission.evidence IS 'what was seen, for an operator to judge';
COMMENT ON COLUMN ops.admission.since IS 'when that reason was first seen';
COMMENT ON COLUMN ops.admission.observations IS 'how often in a row it was seen';

CREATE VIEW ops.weight_emission AS
SELECT e.id, e.block, e.snapshot, round(e.burn_nano / 1e9, 9) AS burn, e.status::text AS status, e.tries, e.detail, e.due_at, e.sent_at,
       e.final_at, (SELECT jsonb_object_agg(uid, round(share / 1e9, 9)) FROM unnest(e.uids, e.shares) AS w (uid, share)) AS weights
FROM affine.weight_emission e;
COMMENT ON VIEW ops.weight_emission IS 'weights on their way to the chain, and those that arrived';
COMMENT ON COLUMN ops.weight_emission.block IS 'the head when it became due';
COMMENT ON COLUMN ops.weight_emission.status IS
    'due, sent (included, not final yet), final, or superseded (a newer one came before it was final)';
COMMENT ON COLUMN ops.weight_emission.weights IS 'share by uid; uid 0 burns';
GRANT SELECT ON ops.admission, ops.weight_emission TO affine_coordinator, affine_dashboard;

RESET ROLE;
