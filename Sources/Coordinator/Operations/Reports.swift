public import Domain
public import Postgres
internal import Records

/// Reads the `ops` views: what the command line prints is what a dashboard sees.
public struct Reports: Sendable {
    let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Every miner, the queue in its order first.
    public func miners() async throws -> [JSONValue] { try await database.run(ListMiners()) }

    /// A miner by hotkey; empty when there is none.
    public func miner(_ hotkey: Hotkey) async throws -> [JSONValue] {
        try await database.run(ShowMiner(hotkey: hotkey))
    }

    /// Who holds a uid now; empty when nobody does.
    public func miner(uid: Int32) async throws -> [JSONValue] { try await database.run(ShowUID(uid: uid)) }

    /// Benchmark entrants, the newest first, each with its last contest.
    public func benchmarks() async throws -> [JSONValue] { try await database.run(ListBenchmarks()) }

    public func contests() async throws -> [JSONValue] { try await database.run(ListContests()) }

    /// A contest with its environments; empty when there is none.
    public func contest(_ id: ContestID) async throws -> [JSONValue] {
        try await database.run(ShowContest(contest: id))
    }

    /// A contest with where each environment stands, as means of the whole slate: what the challenger has to exceed, and
    /// between which it can still end. Without a number the one that runs; empty when there is none.
    public func standing(of contest: ContestID?) async throws -> [JSONValue] {
        try await database.run(ShowStanding(contest: contest))
    }

    public func windows() async throws -> [JSONValue] { try await database.run(ListWindows()) }

    /// Models that were held against a champion's, the newest first.
    public func copyChecks() async throws -> [JSONValue] { try await database.run(ListCopyChecks()) }

    /// Who held the throne, the newest first.
    public func reigns() async throws -> [JSONValue] { try await database.run(ListReigns()) }

    /// Weights on their way to the chain, the newest first.
    public func emissions() async throws -> [JSONValue] { try await database.run(ListEmissions()) }

    public func environments() async throws -> [JSONValue] { try await database.run(ListEnvironments()) }

    /// Champion, running contest and queue.
    public func rank() async throws -> [JSONValue] { try await database.run(ShowRank()) }

    /// The newest weight snapshot; empty before the first coronation.
    public func weights() async throws -> [JSONValue] { try await database.run(ShowWeights()) }

    /// How far each running evaluation is in each environment.
    public func progress() async throws -> [EvaluationProgress] { try await database.run(ListProgress()) }

    public func queueHealth() async throws -> [JSONValue] { try await database.run(ShowQueueHealth()) }

    /// What keeps the database from carrying the queue; every check has at least one finding.
    public func databaseHealth() async throws -> [HealthFinding] { try await database.run(ShowDatabaseHealth()) }

    public func workers() async throws -> [JSONValue] { try await database.run(ListWorkers()) }
}

/// One running evaluation in one environment.
public struct EvaluationProgress: Sendable {
    public var evaluation: EvaluationID
    public var hotkey: Hotkey
    public var environment: EnvironmentName
    public var planned: Int64
    public var finished: Int64
    /// Over finished jobs.
    public var scoreSum: Score
    public var isChampion: Bool
    /// What the champion scored on the whole slate; nil while that is not known.
    public var championSum: Score?
    public var margin: Score
}

/// A statement whose every row is one JSON object.
protocol JSONRows: Statement where Row == JSONValue {}

extension JSONRows {
    static func decode(_ row: inout RowReader) throws(PostgresError) -> JSONValue {
        let text: String = try row.next()
        guard let value = JSONValue(json: text.utf8) else {
            throw PostgresError(.decoding, "\(Self.name) returned text that is not JSON")
        }
        return value
    }
}

private struct ListMiners: JSONRows {
    static let sql = "SELECT to_jsonb(m) FROM ops.miner m ORDER BY queue_position NULLS LAST, first_block, hotkey"
}

private struct ShowMiner: JSONRows {
    static let sql = "SELECT to_jsonb(m) FROM ops.miner m WHERE hotkey = $1"
    var hotkey: Hotkey
    func bind(_ bindings: inout Bindings) { bindings.append(hotkey.rawValue) }
}

private struct ShowUID: JSONRows {
    static let sql = "SELECT to_jsonb(m) FROM ops.miner m WHERE uid = $1 ORDER BY first_block DESC"
    var uid: Int32
    func bind(_ bindings: inout Bindings) { bindings.append(uid) }
}

private struct ListBenchmarks: JSONRows {
    static let sql = """
        SELECT to_jsonb(m) || jsonb_build_object('contest', c.contest, 'verdict', c.verdict, 'would_be', c.would_be)
        FROM ops.miner m
        LEFT JOIN LATERAL (SELECT * FROM ops.contest WHERE challenger = m.hotkey ORDER BY contest DESC LIMIT 1) c ON true
        WHERE m.benchmark IS NOT NULL ORDER BY m.hotkey DESC
        """
}

private struct ListCopyChecks: JSONRows {
    static let sql = "SELECT to_jsonb(k) FROM ops.copy_check k ORDER BY copy_check DESC"
}

private struct ListContests: JSONRows {
    static let sql = "SELECT to_jsonb(c) FROM ops.contest c ORDER BY contest"
}

private struct ShowContest: JSONRows {
    static let sql = """
        SELECT to_jsonb(c) || jsonb_build_object('reasons', COALESCE(s.reasons, '[]'), 'environments', COALESCE((
            SELECT jsonb_agg(jsonb_build_object(
                'environment', n.name, 'standing', e.standing, 'tasks', e.tasks, 'decided', e.decided,
                'champion_mean', round(e.champion_sum_nano / e.tasks / 1e9, 6),
                'challenger_mean_lo', round(e.challenger_lo_nano / e.tasks / 1e9, 6),
                'challenger_mean_hi', round(e.challenger_hi_nano / e.tasks / 1e9, 6), 'reason', e.reason) ORDER BY n.name)
            FROM affine.contest_environment e JOIN affine.environment n ON n.id = e.environment
            WHERE e.contest = c.contest), '[]'))
        FROM ops.contest c JOIN affine.contest s ON s.id = c.contest WHERE c.contest = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest.rawValue) }
}

private struct ShowStanding: JSONRows {
    static let sql = """
        SELECT to_jsonb(c) || jsonb_build_object('environments', COALESCE((
            SELECT jsonb_agg(jsonb_build_object(
                'environment', s.environment, 'tasks', s.tasks, 'decided', s.decided,
                'champion', round(s.champion_sum_nano / 1e9 / s.tasks, 4), 'to_beat', round(s.bar_nano / 1e9 / s.tasks, 4),
                'lowest', round((s.bar_nano + s.lower_nano) / 1e9 / s.tasks, 4),
                'highest', round((s.bar_nano + s.upper_nano) / 1e9 / s.tasks, 4),
                'standing', COALESCE(s.standing, CASE WHEN s.upper_nano <= 0 THEN 'below' WHEN s.lower_nano > 0 THEN 'above'
                                                      ELSE 'open' END)) ORDER BY s.environment)
            FROM ops.contest_standing s WHERE s.contest = c.contest), '[]'))
        FROM ops.contest c
        WHERE c.contest = COALESCE($1, (SELECT max(r.contest) FROM ops.contest r WHERE r.state = 'running'))
        """
    var contest: ContestID?
    func bind(_ bindings: inout Bindings) { bindings.append(contest?.rawValue) }
}

private struct ListWindows: JSONRows {
    static let sql = """
        SELECT jsonb_build_object('window', w.id, 'state', w.state, 'opened_block', w.opened_block, 'opened_at', w.opened_at,
            'closed_at', w.closed_at, 'archived_at', a.archived_at, 'rule', encode(w.rule_digest, 'hex'),
            'contests', (SELECT count(*) FROM affine.contest c WHERE c.window_id = w.id))
        FROM affine.task_window w LEFT JOIN affine.window_archive a ON a.window_id = w.id ORDER BY w.id
        """
}

private struct ListReigns: JSONRows {
    static let sql = """
        SELECT to_jsonb(r) || jsonb_build_object('blocks', COALESCE(r.to_block, h.head) - r.from_block)
        FROM ops.reign r, (SELECT max(number) AS head FROM affine.chain_block) AS h ORDER BY r.number DESC
        """
}

private struct ListEmissions: JSONRows {
    static let sql = "SELECT to_jsonb(e) FROM ops.weight_emission e ORDER BY e.id DESC LIMIT 50"
}

private struct ListEnvironments: JSONRows {
    static let sql = """
        SELECT jsonb_build_object('name', n.name, 'kind', n.kind, 'enabled', n.enabled, 'base_url', n.base_url,
            'lo', n.lo_nano / 1e9, 'hi', n.hi_nano / 1e9, 'margin', n.margin_nano / 1e9,
            'sampling_count', COALESCE(s.sampling_count, n.sampling_count),
            'dataset_ranges', COALESCE(s.dataset_ranges, n.dataset_ranges)::text, 'timeout_ms', n.timeout_ms,
            'max_attempts', n.max_attempts, 'run_length', n.run_length, 'cluster_span', n.cluster_span,
            'range_source', n.range_source, 'range_problem', n.range_problem, 'container', n.container,
            'derived_from', s.name, 'token_budget', n.token_budget, 'tolerance', n.tolerance_nano / 1e9,
            'additive_tolerance', n.additive_tolerance_nano / 1e9, 'parameters', n.parameters)
        FROM affine.environment n LEFT JOIN affine.environment s ON s.id = n.derived_from ORDER BY n.name
        """
}

private struct ShowRank: JSONRows {
    static let sql = """
        SELECT jsonb_build_object(
            'champion', (SELECT to_jsonb(r) FROM ops.reign r WHERE to_block IS NULL),
            'contest', (SELECT to_jsonb(c) FROM ops.contest c WHERE state = 'running'),
            'window', (SELECT jsonb_build_object('id', id, 'state', state, 'opened_block', opened_block)
                       FROM affine.task_window WHERE state <> 'closed'),
            'queue', COALESCE((SELECT jsonb_agg(to_jsonb(q) ORDER BY position) FROM ops.queue q), '[]'))
        """
}

private struct ShowWeights: JSONRows {
    static let sql = """
        SELECT jsonb_build_object('snapshot', s.id, 'block', s.block, 'taken_at', s.taken_at, 'reign', s.reign,
            'weights', (SELECT jsonb_agg(jsonb_build_object('hotkey', w.hotkey, 'uid', m.uid, 'weight', w.share_nano / 1e9))
                        FROM affine.weight w JOIN affine.miner m USING (hotkey) WHERE w.snapshot = s.id))
        FROM affine.weight_snapshot s ORDER BY s.id DESC LIMIT 1
        """
}

private struct ShowQueueHealth: JSONRows {
    static let sql = "SELECT to_jsonb(h) FROM ops.queue_health h"
}

private struct ListWorkers: JSONRows {
    static let sql = "SELECT to_jsonb(w) FROM ops.worker w ORDER BY started_at"
}

private struct ListProgress: Statement {
    static let sql = """
        SELECT p.evaluation, p.hotkey, p.environment, p.planned::int8, p.finished, COALESCE(p.score_sum_nano, 0),
               m.state = 'champion',
               (SELECT b.score_sum_nano FROM affine.contest c
                JOIN ops.evaluation_progress b ON b.evaluation = c.champion_evaluation AND b.environment = p.environment
                WHERE c.challenger_evaluation = p.evaluation),
               we.margin_nano
        FROM ops.evaluation_progress p
        JOIN affine.miner m USING (hotkey)
        JOIN affine.environment n ON n.name = p.environment
        JOIN affine.window_environment we ON we.window_id = p.window_id AND we.environment = n.id
        WHERE p.state = 'running' ORDER BY p.evaluation, p.environment
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> EvaluationProgress {
        let evaluation: EvaluationID = try row.next()
        let hotkey: Hotkey = try row.next()
        let environment: EnvironmentName = try row.next()
        let planned: Int64 = try row.next()
        let finished: Int64 = try row.next()
        let sum: Int64 = try row.next()
        let isChampion: Bool = try row.next()
        let championSum: Int64? = try row.next()
        let margin: Int64 = try row.next()
        return EvaluationProgress(
            evaluation: evaluation, hotkey: hotkey, environment: environment, planned: planned, finished: finished,
            scoreSum: Score(nano: sum), isChampion: isChampion, championSum: championSum.map(Score.init),
            margin: Score(nano: margin))
    }
}
