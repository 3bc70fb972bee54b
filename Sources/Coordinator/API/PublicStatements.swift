internal import Domain
internal import Postgres
internal import Records

/// A statement that answers with one JSON document, as it goes out.
protocol PublicDocument: Statement where Row == String {}

extension PublicDocument {
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

/// The champion, the running contest, what is sealed left out, and the queue.
struct RankDocument: PublicDocument {
    static let sql = """
        WITH person AS (
            SELECT hotkey, jsonb_build_object('uid', uid, 'hotkey', hotkey, 'revision', revision, 'model', model,
                'model_type', model_type) AS body, uid, first_block, challenge_status, termination_reason, queue_position
            FROM ops.public_miner
        ), open_window AS (SELECT * FROM affine.task_window WHERE state <> 'closed'),
        running AS (SELECT c.* FROM affine.contest c WHERE c.state = 'running'),
        counted AS (
            SELECT p.uid, jsonb_object_agg(g.environment, g.finished) AS counts
            FROM open_window w
            JOIN ops.evaluation_progress g ON g.window_id = w.id
            JOIN person p ON p.hotkey = g.hotkey
            WHERE g.evaluation = ANY (ARRAY(SELECT baseline_evaluation FROM open_window
                                            UNION ALL SELECT challenger_evaluation FROM running))
            GROUP BY p.uid
        ), terminal AS (
            SELECT p.uid, jsonb_object_agg(s.environment, jsonb_build_object('count', s.count, 'avg', s.average,
                'champion_overlap_avg', s.champion_average)) AS scores
            FROM ops.public_score s JOIN person p USING (hotkey)
            WHERE s.contest IN (SELECT id FROM affine.contest WHERE state = 'decided' ORDER BY id DESC LIMIT 256)
            GROUP BY p.uid
        ), paid AS (
            SELECT unnest(uids) AS uid, unnest(shares) AS share
            FROM affine.weight_emission WHERE id = (SELECT max(id) FROM affine.weight_emission)
        )
        SELECT jsonb_build_object(
            'champion', (SELECT p.body || jsonb_build_object('since_block', r.from_block)
                         FROM affine.reign r JOIN person p USING (hotkey) WHERE r.to_block IS NULL),
            'past_champions', COALESCE((
                SELECT jsonb_agg(p.body - 'model_type' || jsonb_build_object('share', round(paid.share / 1e9, 9)) ORDER BY r.id DESC)
                FROM affine.reign r JOIN person p USING (hotkey) JOIN paid ON paid.uid = p.uid
                WHERE r.to_block IS NOT NULL), '[]'),
            'battle', (SELECT jsonb_build_object('challenger', p.body, 'started_at_block',
                           (SELECT max(number) FROM affine.chain_block b WHERE b.seen_at <= c.opened_at))
                       FROM running c JOIN person p ON p.hotkey = c.challenger),
            'task_refresh_block', (SELECT opened_block FROM open_window),
            'enabled_envs', COALESCE((SELECT jsonb_agg(n.name ORDER BY n.name) FROM open_window w
                                      JOIN affine.window_environment we ON we.window_id = w.id
                                      JOIN affine.environment n ON n.id = we.environment), '[]'),
            'sample_counts', COALESCE((SELECT jsonb_object_agg(uid, counts) FROM counted), '{}'),
            'sample_averages', '{}'::jsonb, 'champion_overlap_avgs', '{}'::jsonb, 'sample_details', '{}'::jsonb,
            'terminal_scores', COALESCE((SELECT jsonb_object_agg(uid, scores) FROM terminal), '{}'),
            'live_sampling_uids', COALESCE((SELECT jsonb_agg(p.uid) FROM running c JOIN person p ON p.hotkey = c.challenger), '[]')
        )::text
        """
}

struct QueueDocument: PublicDocument {
    static let sql = """
        SELECT COALESCE(jsonb_agg(jsonb_build_object('position', queue_position, 'uid', uid, 'hotkey', hotkey, 'revision', revision,
            'model', model, 'model_type', model_type, 'first_block', first_block, 'enqueued_at', NULL,
            'challenge_status', challenge_status, 'termination_reason', termination_reason) ORDER BY queue_position), '[]')::text
        FROM (SELECT * FROM ops.public_miner WHERE queue_position <= $1) AS waiting
        """
    var limit: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(limit) }
}

/// The champion first, then who was decided last.
struct ScoresDocument: PublicDocument {
    static let sql = """
        WITH scored AS (
            SELECT hotkey, max(contest) AS contest, sum(count) AS total, avg(average) AS average,
                   jsonb_object_agg(environment, jsonb_build_object('count', count, 'avg', average)) AS by_env
            FROM ops.public_score GROUP BY hotkey
        ), listed AS (
            SELECT p.*, s.contest, s.total, s.average, s.by_env FROM ops.public_miner p LEFT JOIN scored s USING (hotkey)
            WHERE ($2::int IS NULL AND (s.hotkey IS NOT NULL OR p.challenge_status = 'champion')) OR p.uid = $2
            ORDER BY p.challenge_status = 'champion' DESC, s.contest DESC NULLS LAST, p.first_block LIMIT $1
        )
        SELECT jsonb_build_object(
            'block_number', (SELECT max(number) FROM affine.chain_block),
            'calculated_at', extract(epoch FROM clock_timestamp())::bigint,
            'scores', COALESCE((SELECT jsonb_agg(jsonb_build_object('miner_hotkey', hotkey, 'uid', uid, 'model_revision', revision,
                'model', model, 'model_type', model_type, 'first_block', first_block,
                'overall_score', CASE challenge_status WHEN 'champion' THEN 1.0 ELSE 0.0 END,
                'average_score', COALESCE(round(average, 9), 0), 'scores_by_env', COALESCE(by_env, '{}'),
                'total_samples', COALESCE(total, 0), 'is_valid', is_valid, 'invalid_reason', invalid_reason,
                'challenge_status', challenge_status, 'termination_reason', termination_reason)
                ORDER BY challenge_status = 'champion' DESC, contest DESC NULLS LAST, first_block) FROM listed), '[]'))::text
        """
    var top: Int64
    var uid: Int32?

    func bind(_ bindings: inout Bindings) {
        bindings.append(top)
        bindings.append(uid)
    }
}

/// By uid or hotkey; no row when there is none. Whoever holds a slot or committed, and is no miner, is told why not.
struct MinerDocument: PublicDocument {
    static let sql = """
        WITH asked AS (
            SELECT hotkey FROM affine.neuron WHERE uid = $1 AND hotkey IS NOT NULL UNION SELECT $2::text WHERE $2 IS NOT NULL
        ), found AS (
            SELECT to_jsonb(p) - 'queue_position' - 'benchmark' AS document, p.first_block
            FROM ops.public_miner p WHERE (p.uid = $1 AND p.uid >= 0) OR p.hotkey = $2
            UNION ALL
            SELECT jsonb_build_object(
                       'uid', COALESCE(n.uid, -1), 'hotkey', k.hotkey, 'model', '', 'revision', '', 'model_type', NULL,
                       'is_valid', false, 'challenge_status', 'sampling', 'termination_reason', NULL,
                       'first_block', COALESCE(a.block, 0), 'block_number', COALESCE(a.block, 0), 'model_hash', NULL,
                       'invalid_reason', CASE WHEN a.hotkey IS NULL THEN 'no_commit' ELSE NULLIF(a.reason, '') END), -1
            FROM asked k LEFT JOIN affine.neuron n USING (hotkey) LEFT JOIN affine.admission a USING (hotkey)
            WHERE (n.uid IS NOT NULL OR a.hotkey IS NOT NULL)
              AND NOT EXISTS (SELECT FROM affine.miner m WHERE m.hotkey = k.hotkey)
        )
        SELECT document::text FROM found ORDER BY first_block DESC LIMIT 1
        """
    var uid: Int32?
    var hotkey: String?

    func bind(_ bindings: inout Bindings) {
        bindings.append(uid)
        bindings.append(hotkey)
    }
}

/// The newest snapshot by uid, -1 for who is not registered; no row before the first champion. The block is that of the head,
/// so that a reader sees how old it is.
struct WeightsDocument: PublicDocument {
    static let sql = """
        SELECT jsonb_build_object(
            'block_number', (SELECT max(number) FROM affine.chain_block), 'snapshot_block', s.block,
            'config', jsonb_build_object('window_id', (SELECT max(id) FROM affine.task_window),
                'win_margin', (SELECT round(min(margin_nano) / 1e9, 9) FROM affine.window_environment
                               WHERE window_id = (SELECT max(id) FROM affine.task_window)),
                'win_not_worse_tolerance', 0.0, 'win_min_dominant_envs', 0),
            'weights', (SELECT jsonb_object_agg(uid, jsonb_build_object('weight', weight)) FROM (
                SELECT COALESCE((SELECT min(n.uid) FROM affine.neuron n WHERE n.hotkey = w.hotkey), m.uid, -1) AS uid,
                       round(sum(w.share_nano) / 1e9, 9) AS weight
                FROM affine.weight w JOIN affine.miner m USING (hotkey) WHERE w.snapshot = s.id GROUP BY 1) AS paid))::text
        FROM affine.weight_snapshot s ORDER BY s.id DESC LIMIT 1
        """
}

struct ContestsDocument: PublicDocument {
    static let sql = """
        SELECT COALESCE(jsonb_agg(row ORDER BY contest DESC), '[]')::text FROM (
            SELECT c.contest, to_jsonb(c) - 'champion_evaluation' - 'challenger_evaluation'
                       - CASE w.state WHEN 'closed' THEN '' ELSE 'would_be' END AS row
            FROM ops.contest c JOIN affine.task_window w ON w.id = c.window_id WHERE $1::bigint IS NULL OR c.contest < $1 ORDER BY c.contest DESC LIMIT $2) AS page
        """
    var before: Int64?
    var limit: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(before)
        bindings.append(limit)
    }
}

/// One row of `ContestsDocument`.
struct ContestDocument: PublicDocument {
    static let sql = """
        SELECT (to_jsonb(c) - 'champion_evaluation' - 'challenger_evaluation'
                - CASE w.state WHEN 'closed' THEN '' ELSE 'would_be' END)::text
        FROM ops.contest c JOIN affine.task_window w ON w.id = c.window_id WHERE c.contest = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }
}

/// The newest first.
struct WindowsDocument: PublicDocument {
    static let sql = """
        SELECT COALESCE(jsonb_agg(row ORDER BY id DESC), '[]')::text FROM (
            SELECT w.id, jsonb_build_object('window', w.id, 'state', w.state, 'opened_block', w.opened_block,
                'slate_frozen_at', w.slate_frozen_at, 'closed_at', w.closed_at, 'rule_digest', encode(w.rule_digest, 'hex'),
                'rule', r.document, 'contests', (SELECT count(*) FROM affine.contest c WHERE c.window_id = w.id)) AS row
            FROM affine.task_window w JOIN affine.rule r ON r.digest = w.rule_digest
            WHERE $1::bigint IS NULL OR w.id < $1 ORDER BY w.id DESC LIMIT $2) AS page
        """
    var before: Int64?
    var limit: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(before)
        bindings.append(limit)
    }
}

/// Those of the newest window, as it froze them; where they are served is nobody's business.
struct EnvironmentsDocument: PublicDocument {
    static let sql = """
        SELECT COALESCE(jsonb_agg(jsonb_build_object('environment', n.name, 'window', we.window_id, 'kind', we.kind,
            'lo', we.lo_nano / 1e9, 'hi', we.hi_nano / 1e9, 'margin', we.margin_nano / 1e9, 'sampling_count', we.sampling_count,
            'dataset_ranges', we.dataset_ranges::text, 'selection', we.selection, 'timeout_ms', we.timeout_ms,
            'temperature', we.temperature, 'derived_from', s.name, 'token_budget', we.token_budget) ORDER BY n.name), '[]')::text
        FROM affine.window_environment we
        JOIN affine.environment n ON n.id = we.environment
        LEFT JOIN affine.environment s ON s.id = we.derived_from
        WHERE we.window_id = (SELECT max(id) FROM affine.task_window)
        """
}

/// Whether a contest's window is closed, and so its record open to all; no row for one that there is not.
struct ContestSeal: Statement {
    static let sql = """
        SELECT w.state = 'closed', c.state <> 'running' FROM affine.contest c JOIN affine.task_window w ON w.id = c.window_id
        WHERE c.id = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (isOpen: Bool, isOver: Bool) {
        (try row.next(), try row.next())
    }
}
