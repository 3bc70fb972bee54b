-- What everybody may see. Sealed until the window closes: the champion's scores, and what they could be told from, such as the
-- reasons of verdicts.

SET LOCAL ROLE affine_owner;

CREATE VIEW ops.public_miner AS
SELECT COALESCE(m.uid, -1) AS uid, m.hotkey, c.model, c.revision, NULL::text AS model_type, m.state <> 'invalid' AS is_valid,
       CASE m.state WHEN 'pending' THEN 'sampling' WHEN 'contesting' THEN 'in_progress' WHEN 'champion' THEN 'champion'
                    ELSE 'terminated' END AS challenge_status,
       CASE m.state
           WHEN 'invalid' THEN m.state_reason
           WHEN 'terminated' THEN COALESCE(
               (SELECT 'dethroned_by:' || left(n.hotkey, 10) FROM affine.reign r JOIN affine.reign n ON n.id > r.id
                WHERE r.hotkey = m.hotkey ORDER BY n.id LIMIT 1),
               (SELECT 'lost_to_champion:' || left(k.champion, 10) FROM affine.contest k
                WHERE k.challenger = m.hotkey AND k.state = 'decided'),
               m.state_reason) END AS termination_reason,
       m.first_block, c.block AS block_number, CASE WHEN m.state = 'invalid' THEN m.state_reason END AS invalid_reason,
       m.model_hash, CASE WHEN m.state = 'pending'
           THEN row_number() OVER (PARTITION BY m.state ORDER BY m.first_block, m.hotkey) END AS queue_position
FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment;
COMMENT ON VIEW ops.public_miner IS 'each miner as the public API shows it; uid -1: not registered';

-- A challenger's score in each environment of its contest, unless it would tell what the champion of an open window scores.
CREATE VIEW ops.public_score AS
SELECT k.challenger AS hotkey, k.id AS contest, n.name AS environment, d.decided AS count,
       CASE WHEN d.unknown = 0 THEN round(d.challenger_lo_nano / d.tasks / 1e9, 9) END AS average,
       CASE WHEN w.state = 'closed' THEN round(d.champion_sum_nano / d.tasks / 1e9, 9) END AS champion_average
FROM affine.contest k
JOIN affine.task_window w ON w.id = k.window_id
JOIN affine.contest_environment d ON d.contest = k.id
JOIN affine.environment n ON n.id = d.environment
WHERE k.state = 'decided' AND (w.state = 'closed' OR w.baseline_evaluation <> k.challenger_evaluation);
COMMENT ON VIEW ops.public_score IS
    'what a challenger scored in each environment, as the public API shows it; no average of an environment that was cut short';

GRANT SELECT ON ops.public_miner, ops.public_score TO affine_coordinator, affine_dashboard;

RESET ROLE;
