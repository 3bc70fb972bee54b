-- Environments whose scores follow from other environments' tasks, and what `partial_pareto` asks of an environment.

SET LOCAL ROLE affine_owner;

ALTER TABLE affine.environment
    DROP CONSTRAINT environment_kind_check,
    ADD CONSTRAINT environment_kind_check CHECK (kind IN ('builtin', 'url', 'container', 'derived')),
    ADD COLUMN derived_from smallint REFERENCES affine.environment (id),
    ADD COLUMN token_budget integer CHECK (token_budget BETWEEN 1 AND 100000000),
    ADD COLUMN tolerance_nano bigint CHECK (tolerance_nano BETWEEN 0 AND 1000000000),
    ADD COLUMN additive_tolerance_nano bigint CHECK (additive_tolerance_nano BETWEEN 0 AND hi_nano - lo_nano),
    ADD CONSTRAINT environment_derived CHECK (
        CASE WHEN kind = 'derived' THEN derived_from IS NOT NULL AND derived_from <> id AND token_budget IS NOT NULL
                  AND lo_nano = 0 AND hi_nano = 1000000000
             ELSE derived_from IS NULL AND token_budget IS NULL END),
    ADD CONSTRAINT environment_tolerance CHECK (tolerance_nano IS NULL OR additive_tolerance_nano IS NULL);

-- As they were when the window opened. `derived_from` names an environment of the same window.
ALTER TABLE affine.window_environment
    ADD COLUMN derived_from smallint,
    ADD COLUMN token_budget integer,
    ADD CHECK ((kind = 'derived') = (derived_from IS NOT NULL)),
    ADD CHECK ((kind = 'derived') = (token_budget IS NOT NULL)),
    ADD FOREIGN KEY (window_id, derived_from) REFERENCES affine.window_environment (window_id, environment);

-- The finished jobs of evaluations as rules see them. A derived environment scores the share of its budget that a task left
-- unused, in 1e-9, rounded down; where nobody counted tokens that is a score without a value.
CREATE VIEW affine.result AS
SELECT a.window_id, a.evaluation, we.environment, a.position, a.outcome, a.duration_ms,
       CASE WHEN we.derived_from IS NULL OR a.score_nano IS NULL THEN a.score_nano
            WHEN a.prompt_tokens::bigint + a.completion_tokens > we.token_budget THEN 0
            ELSE 1000000000 * (we.token_budget - (a.prompt_tokens::bigint + a.completion_tokens)) / we.token_budget
       END AS score_nano
FROM affine.window_environment we
JOIN affine.attempt a ON a.window_id = we.window_id AND a.environment = COALESCE(we.derived_from, we.environment) AND a.final;
GRANT SELECT ON affine.result TO affine_coordinator;

CREATE OR REPLACE VIEW ops.contest_standing AS
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
    SELECT count(*)::integer, COALESCE(sum(COALESCE(r.score_nano, we.lo_nano)), 0)::bigint, NULL, NULL
    FROM affine.result r
    WHERE c.state = 'running' AND r.window_id = c.window_id AND r.evaluation = c.challenger_evaluation
      AND r.environment = b.environment AND (r.score_nano IS NOT NULL OR r.outcome = 'model_fault')
    HAVING c.state = 'running') AS d;

RESET ROLE;
