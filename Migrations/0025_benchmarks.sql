-- Benchmark entrants: models of the operator's own, which meet the champion like anybody and can win nothing. The class is in the
-- identity, so that every table that names a hotkey can refuse it by itself.

SET LOCAL ROLE affine_owner;

-- No hotkey of a chain begins so: its addresses begin with what says which chain they are of.
CREATE FUNCTION affine.is_benchmark(hotkey text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$ SELECT left(hotkey, 9) = 'Benchmark' $$;

-- Numbers its entrants: each is one entrant with one contest, and the same model may enter again.
CREATE SEQUENCE affine.benchmark_number;

ALTER TABLE affine.miner
    ADD COLUMN benchmark text CHECK (benchmark ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    ADD CONSTRAINT benchmark_is_named CHECK (affine.is_benchmark(hotkey) = (benchmark IS NOT NULL)),
    ADD CONSTRAINT benchmark_has_no_throne CHECK (benchmark IS NULL OR (state <> 'champion' AND uid IS NULL));

-- `verdict` is what happened. Where the rule alone would have dethroned the champion, that is in `would_be`, and both digests are of it.
ALTER TABLE affine.contest
    ADD COLUMN would_be affine.verdict,
    ADD CONSTRAINT benchmark_keeps_champion CHECK (
        NOT affine.is_benchmark(champion)
        AND CASE WHEN affine.is_benchmark(challenger) THEN verdict IS DISTINCT FROM 'dethroned' ELSE would_be IS NULL END
        AND (would_be IS NULL OR (would_be = 'dethroned' AND verdict IS NOT DISTINCT FROM 'champion_keeps')));

ALTER TABLE affine.reign ADD CONSTRAINT benchmark_has_no_reign CHECK (NOT affine.is_benchmark(hotkey));
ALTER TABLE affine.weight ADD CONSTRAINT benchmark_is_not_paid CHECK (NOT affine.is_benchmark(hotkey));

GRANT USAGE ON SEQUENCE affine.benchmark_number TO affine_coordinator;
GRANT EXECUTE ON FUNCTION affine.is_benchmark(text) TO affine_coordinator;

CREATE OR REPLACE VIEW ops.miner AS
SELECT m.hotkey, m.uid, c.model, c.revision, m.first_block, m.state::text AS state, m.state_reason,
       CASE WHEN m.state = 'pending'
            THEN row_number() OVER (PARTITION BY m.state ORDER BY m.first_block, m.hotkey) END AS queue_position,
       m.void_contests, m.benchmark
FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment;
COMMENT ON COLUMN ops.miner.benchmark IS 'the name of a benchmark entrant; null for miners';

CREATE OR REPLACE VIEW ops.contest AS
SELECT c.id AS contest, c.window_id, c.champion, c.challenger, c.state::text AS state, c.verdict::text AS verdict,
       c.opened_at, c.decided_at, c.deadline_at, encode(c.outcome_digest, 'hex') AS outcome_digest,
       encode(c.evidence_digest, 'hex') AS evidence_digest, c.champion_evaluation, c.challenger_evaluation,
       x.benchmark, c.would_be::text AS would_be
FROM affine.contest c JOIN affine.miner x ON x.hotkey = c.challenger;
COMMENT ON COLUMN ops.contest.benchmark IS 'the name of a challenger that is a benchmark entrant; null for miners';
COMMENT ON COLUMN ops.contest.would_be IS
    'dethroned where the rule would have dethroned the champion, had the challenger not been a benchmark; else null';

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
)
SELECT w.position, w.hotkey, w.uid, w.model, w.revision, w.first_block,
       CASE WHEN (SELECT count(*) FROM affine.contest WHERE state <> 'running') > 0
            THEN GREATEST(w.not_before, clock_timestamp() + r.left_over + (w.position - 1) * r.length) END AS expected_at,
       w.benchmark
FROM waiting w, rest r;
COMMENT ON COLUMN ops.queue.benchmark IS 'the name of a benchmark entrant; null for miners';

CREATE OR REPLACE VIEW ops.public_miner AS
SELECT COALESCE(m.uid, -1) AS uid, m.hotkey, c.model, c.revision, NULL::text AS model_type, m.state <> 'invalid' AS is_valid,
       CASE m.state WHEN 'pending' THEN 'sampling' WHEN 'contesting' THEN 'in_progress' WHEN 'champion' THEN 'champion'
                    ELSE 'terminated' END AS challenge_status,
       CASE m.state
           WHEN 'invalid' THEN m.state_reason
           WHEN 'terminated' THEN COALESCE(
               (SELECT 'dethroned_by:' || left(n.hotkey, 10) FROM affine.reign r JOIN affine.reign n ON n.id > r.id
                WHERE r.hotkey = m.hotkey ORDER BY n.id LIMIT 1),
               -- Of a benchmark entrant not how it ended: who sees that the champion's draw is weak submits then.
               (SELECT CASE WHEN m.benchmark IS NULL THEN 'lost_to_champion:' ELSE 'benchmark_met_champion:' END
                       || left(k.champion, 10)
                FROM affine.contest k WHERE k.challenger = m.hotkey AND k.state = 'decided'),
               m.state_reason) END AS termination_reason,
       m.first_block, c.block AS block_number, CASE WHEN m.state = 'invalid' THEN m.state_reason END AS invalid_reason,
       m.model_hash, CASE WHEN m.state = 'pending'
           THEN row_number() OVER (PARTITION BY m.state ORDER BY m.first_block, m.hotkey) END AS queue_position, m.benchmark
FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment;

RESET ROLE;
