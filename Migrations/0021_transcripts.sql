-- What was said to a model and what it said, for people to read. Nothing here decides anything.

SET LOCAL ROLE affine_owner;

-- A message of a conversation, as JSON text, once however often it was said: both sides of a contest see the same prompts.
-- Postgres compresses the long ones.
CREATE TABLE affine.message (
    digest  bytea PRIMARY KEY,
    content text  NOT NULL CHECK (octet_length(content) <= 524288),
    CHECK (digest = sha256(convert_to(content, 'UTF8')))
);
SELECT affine.make_append_only('affine.message');

-- The conversation of one attempt, which is the one at this position under this lease.
CREATE TABLE affine.transcript (
    evaluation  bigint   NOT NULL,
    lease       uuid     NOT NULL,
    -- Of the messages as the environment told them, before any was cut.
    bytes       bigint   NOT NULL CHECK (bytes >= 0),
    position    integer  NOT NULL,
    environment smallint NOT NULL,
    is_cut      boolean  NOT NULL,
    -- Digests of the messages, in order.
    messages    bytea[]  NOT NULL CHECK (cardinality(messages) <= 1000),
    PRIMARY KEY (evaluation, environment, position, lease)
);
SELECT affine.make_append_only('affine.transcript');

-- Stores conversations of jobs that the worker still holds, before it reports their results; others are left out. Conversation
-- number `owners[i]` has the message `contents[places[i]]`, in the order of i; all numbers from 1. Returns how many were stored.
-- The report that follows is durable, and with it all that was committed before it.
CREATE FUNCTION affine.keep_transcripts(worker_id uuid, contents text[], leases uuid[], positions integer[], sizes bigint[],
                                        cuts boolean[], owners integer[], places integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stored integer;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    WITH said AS MATERIALIZED (
        SELECT c.place, c.content, sha256(convert_to(c.content, 'UTF8')) AS digest
        FROM unnest(contents) WITH ORDINALITY AS c (content, place)
    ), held AS MATERIALIZED (
        SELECT t.number, l.evaluation, l.environment, t.position, t.lease, t.size, t.cut
        FROM unnest(leases, positions, sizes, cuts) WITH ORDINALITY AS t (lease, position, size, cut, number)
        JOIN affine.lease l ON l.id = t.lease AND l.worker = worker_id AND l.positions @> t.position
    ), kept AS (
        -- In one order, so that no two workers wait for each other.
        INSERT INTO affine.message (digest, content)
        SELECT DISTINCT ON (s.digest) s.digest, s.content FROM said s
        WHERE EXISTS (SELECT FROM unnest(owners, places) AS m (owner, place) JOIN held h ON h.number = m.owner
                      WHERE m.place = s.place)
        ORDER BY s.digest ON CONFLICT DO NOTHING
    ), added AS (
        INSERT INTO affine.transcript (evaluation, lease, bytes, position, environment, is_cut, messages)
        SELECT h.evaluation, h.lease, h.size, h.position, h.environment, h.cut,
               ARRAY(SELECT s.digest FROM unnest(owners, places) WITH ORDINALITY AS m (owner, place, number)
                     JOIN said s ON s.place = m.place WHERE m.owner = h.number ORDER BY m.number)
        FROM held h ORDER BY h.evaluation, h.environment, h.position, h.lease ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT count(*) INTO stored FROM added;
    RETURN stored;
END $$;

REVOKE ALL ON FUNCTION affine.keep_transcripts(uuid, text[], uuid[], integer[], bigint[], boolean[], integer[], integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION affine.keep_transcripts(uuid, text[], uuid[], integer[], bigint[], boolean[], integer[], integer[])
TO affine_worker;
GRANT SELECT ON affine.message, affine.transcript TO affine_coordinator;

RESET ROLE;
