-- What a contest is held against, and the certificate of its verdict.

SET LOCAL ROLE affine_owner;

-- Environments of a lower turn run first; those of the same turn run side by side.
ALTER TABLE affine.evaluation_environment ADD COLUMN turn smallint NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION affine.enqueue(target bigint, only_environment smallint DEFAULT NULL,
                                          first_position integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner affine.evaluation;
    stride bigint;
    start bigint;
    runs bigint;
    jobs bigint;
BEGIN
    SELECT * INTO STRICT owner FROM affine.evaluation WHERE id = target;
    stride := 1048576 / owner.weight;
    SELECT COALESCE(max(e.end_pass), 0) INTO start FROM affine.evaluation e
    WHERE e.state = 'running' AND e.model = owner.model AND e.revision = owner.revision;
    SELECT GREATEST(min(head.pass), start) INTO start
    FROM affine.evaluation e
    JOIN affine.window_environment we ON we.window_id = e.window_id
    CROSS JOIN LATERAL (
        SELECT r.pass FROM affine.ready r WHERE r.evaluation = e.id AND r.environment = we.environment
        ORDER BY r.pass LIMIT 1) AS head
    WHERE e.state = 'running' AND (e.model, e.revision) <> (owner.model, owner.revision);
    WITH RECURSIVE planned AS MATERIALIZED (
        SELECT ee.environment, ee.turn, affine.run_length(owner.window_id, ee.environment) AS length, ee.planned AS until
        FROM affine.evaluation_environment ee
        WHERE ee.evaluation = target AND (only_environment IS NULL OR ee.environment = only_environment)
    ), run AS (
        SELECT environment, turn, length, until, first_position AS from_position,
               LEAST(first_position + GREATEST(1, LEAST(length, (until - first_position) / 8)), until) - 1 AS to_position
        FROM planned WHERE first_position < until
        UNION ALL
        SELECT environment, turn, length, until, to_position + 1,
               to_position + GREATEST(1, LEAST(length, (until - to_position - 1) / 8))
        FROM run WHERE to_position + 1 < until
    ), added AS (
        INSERT INTO affine.ready (evaluation, environment, from_position, to_position, attempt, pass)
        SELECT target, environment, from_position, to_position, 1,
               CASE WHEN owner.end_pass = 0 THEN start + (place - 1) * stride ELSE affine.tail_pass(owner.end_pass) END
        FROM (SELECT *, row_number() OVER (ORDER BY turn, from_position::bigint * 1000000 / until, environment) AS place
              FROM run) AS ordered
        ORDER BY place
        RETURNING to_position - from_position + 1 AS jobs
    )
    SELECT count(*), COALESCE(sum(added.jobs), 0) INTO runs, jobs FROM added;
    IF owner.end_pass = 0 AND runs > 0 THEN
        UPDATE affine.evaluation SET end_pass = start + runs * stride WHERE id = target;
        -- Who looks only whether anything was queued looks at this sequence.
        PERFORM nextval('affine.ready_pass');
    END IF;
    RETURN jobs;
END $$;

-- What the challenger has to exceed in each environment, frozen when the contest opens: the champion's sum over the slate,
-- and with N times the margin the bar.
CREATE TABLE affine.contest_bar (
    contest           bigint   NOT NULL REFERENCES affine.contest (id),
    environment       smallint NOT NULL REFERENCES affine.environment (id),
    tasks             integer  NOT NULL CHECK (tasks >= 1),
    champion_sum_nano bigint   NOT NULL,
    bar_nano          bigint   NOT NULL,
    PRIMARY KEY (contest, environment)
);

INSERT INTO affine.contest_bar
SELECT c.id, we.environment, we.sampling_count, champion.sum_nano, champion.sum_nano + we.sampling_count * we.margin_nano
FROM affine.contest c
JOIN affine.window_environment we ON we.window_id = c.window_id
LEFT JOIN affine.contest_environment d ON d.contest = c.id AND d.environment = we.environment
CROSS JOIN LATERAL (SELECT COALESCE(d.champion_sum_nano, (
    SELECT sum(COALESCE(a.score_nano, we.lo_nano))::bigint
    FROM affine.evaluation_environment ee
    CROSS JOIN LATERAL unnest(ee.task_ids) WITH ORDINALITY AS job (task_id, place)
    JOIN affine.window_task t ON t.window_id = c.window_id AND t.environment = ee.environment AND t.task_id = job.task_id
         AND t.slate_position IS NOT NULL
    LEFT JOIN affine.attempt a ON a.window_id = c.window_id AND a.evaluation = ee.evaluation
         AND a.environment = ee.environment AND a.position = job.place - 1 AND a.final
    WHERE ee.evaluation = c.champion_evaluation AND ee.environment = we.environment)) AS sum_nano) AS champion;
SELECT affine.make_append_only('affine.contest_bar');
GRANT SELECT, INSERT ON affine.contest_bar TO affine_coordinator;

-- The certificate: with `unknown` tasks left the challenger can end above the bar by lower_nano at least (L) and by
-- upper_nano at most (U).
ALTER TABLE affine.contest_environment
    ADD COLUMN unknown integer GENERATED ALWAYS AS (tasks - decided) STORED,
    ADD COLUMN lower_nano bigint,
    ADD COLUMN upper_nano bigint;
ALTER TABLE affine.contest_environment DISABLE TRIGGER append_only;
UPDATE affine.contest_environment d
SET lower_nano = d.challenger_lo_nano - b.bar_nano, upper_nano = d.challenger_hi_nano - b.bar_nano
FROM affine.contest_bar b WHERE b.contest = d.contest AND b.environment = d.environment;
ALTER TABLE affine.contest_environment ENABLE TRIGGER append_only;
ALTER TABLE affine.contest_environment
    ALTER COLUMN lower_nano SET NOT NULL,
    ALTER COLUMN upper_nano SET NOT NULL,
    ADD CHECK (lower_nano <= upper_nano),
    ADD FOREIGN KEY (contest, environment) REFERENCES affine.contest_bar;

CREATE VIEW ops.contest_standing AS
SELECT c.id AS contest, c.window_id, n.name AS environment, c.state::text AS state, b.tasks, d.decided,
       b.tasks - d.decided AS unknown, b.champion_sum_nano, b.bar_nano, d.challenger_sum_nano,
       d.challenger_sum_nano + (b.tasks - d.decided) * we.lo_nano - b.bar_nano AS lower_nano,
       d.challenger_sum_nano + (b.tasks - d.decided) * we.hi_nano - b.bar_nano AS upper_nano,
       d.standing, d.reason
FROM affine.contest c
JOIN affine.contest_bar b ON b.contest = c.id
JOIN affine.environment n ON n.id = b.environment
JOIN affine.window_environment we ON we.window_id = c.window_id AND we.environment = b.environment
CROSS JOIN LATERAL (
    SELECT e.decided, e.challenger_lo_nano - (e.tasks - e.decided) * we.lo_nano AS challenger_sum_nano, e.standing, e.reason
    FROM affine.contest_environment e WHERE e.contest = c.id AND e.environment = b.environment
    UNION ALL
    SELECT count(*)::integer, COALESCE(sum(COALESCE(a.score_nano, we.lo_nano)), 0)::bigint, NULL, NULL
    FROM affine.attempt a
    WHERE c.state = 'running' AND a.window_id = c.window_id AND a.evaluation = c.challenger_evaluation
      AND a.environment = b.environment AND a.final AND a.outcome IN ('scored', 'model_fault')
    HAVING c.state = 'running') AS d;
COMMENT ON VIEW ops.contest_standing IS
    'where each contest stands in each environment: an interval that only narrows while it runs, then its certificate';
COMMENT ON COLUMN ops.contest_standing.contest IS 'the contest''s number';
COMMENT ON COLUMN ops.contest_standing.state IS 'running, decided or void';
COMMENT ON COLUMN ops.contest_standing.tasks IS 'N, the tasks of the slate';
COMMENT ON COLUMN ops.contest_standing.decided IS
    'how many of them the challenger has settled: scored, or failed by its own fault';
COMMENT ON COLUMN ops.contest_standing.unknown IS 'the others';
COMMENT ON COLUMN ops.contest_standing.champion_sum_nano IS 'the champion''s scores over the slate, added up, in 1e-9';
COMMENT ON COLUMN ops.contest_standing.bar_nano IS
    'what the challenger''s sum has to exceed: the champion''s, and N times the margin';
COMMENT ON COLUMN ops.contest_standing.challenger_sum_nano IS
    'the challenger''s scores on the tasks it has settled, added up';
COMMENT ON COLUMN ops.contest_standing.lower_nano IS
    'L: by how much the challenger ends above the bar if every unknown task scores lo';
COMMENT ON COLUMN ops.contest_standing.upper_nano IS
    'U: the same if every unknown task scores hi; at 0 or below the environment is lost';
COMMENT ON COLUMN ops.contest_standing.standing IS 'how the rule calls it once the contest is over';
COMMENT ON COLUMN ops.contest_standing.reason IS 'the same in a sentence';
GRANT SELECT ON ops.contest_standing TO affine_coordinator, affine_dashboard;

RESET ROLE;
