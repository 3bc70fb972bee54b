-- Data sets that grow, and who can expect to be called when.

SET LOCAL ROLE affine_owner;

-- Where the ranges of task ids are read from: JSON over HTTP, a dotted field in it. What was read last is kept.
ALTER TABLE affine.environment
    ADD COLUMN range_source     text,
    ADD COLUMN range_field      text,
    ADD COLUMN range_checked_at timestamptz,
    ADD COLUMN range_problem    text NOT NULL DEFAULT '',
    ADD CHECK ((range_source IS NULL) = (range_field IS NULL));

-- Contests follow one another, each as long as the last twenty took on average.
CREATE VIEW ops.queue AS
WITH pace AS (
    SELECT COALESCE(avg(d.length), interval '0') AS length FROM (
        SELECT decided_at - opened_at AS length FROM affine.contest WHERE state <> 'running' ORDER BY id DESC LIMIT 20) AS d
), rest AS (
    SELECT COALESCE((SELECT GREATEST(interval '0', p.length - (clock_timestamp() - c.opened_at)) FROM affine.contest c
                     WHERE c.state = 'running'), interval '0') AS left_over, p.length
    FROM pace p
), waiting AS (
    SELECT m.hotkey, m.uid, c.model, c.revision, m.first_block, m.not_before,
           row_number() OVER (ORDER BY m.first_block, m.hotkey) AS position
    FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment WHERE m.state = 'pending'
)
SELECT w.position, w.hotkey, w.uid, w.model, w.revision, w.first_block,
       CASE WHEN (SELECT count(*) FROM affine.contest WHERE state <> 'running') > 0
            THEN GREATEST(w.not_before, clock_timestamp() + r.left_over + (w.position - 1) * r.length) END AS expected_at
FROM waiting w, rest r;
COMMENT ON VIEW ops.queue IS 'who waits, in the order in which they are called';
COMMENT ON COLUMN ops.queue.position IS 'from 1';
COMMENT ON COLUMN ops.queue.first_block IS 'the block of the commitment: the queue''s order';
COMMENT ON COLUMN ops.queue.expected_at IS
    'when its contest can be expected to begin, if contests go on as the last twenty did; null before the first was over';
GRANT SELECT ON ops.queue TO affine_coordinator, affine_dashboard;

RESET ROLE;
