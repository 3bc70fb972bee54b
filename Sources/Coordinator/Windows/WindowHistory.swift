public import Domain
public import Postgres
internal import Records
public import Rules
public import Statistics

/// What a window's champion scored in one environment, and again where it ran a task twice.
public struct ChampionScores: Sendable {
    public var environment: EnvironmentName
    /// On the slate's tasks, as far as they are the model's own: a fault of the model counts as the lowest score.
    public var scores: [Score]
    /// The first and the second score of the tasks that were run twice.
    public var reruns: [(first: Score, second: Score)]
}

/// Rules and champions' scores of windows, open or closed.
public struct WindowHistory: Sendable {
    let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// The rule that a window's contests are decided under.
    ///
    /// - Parameter window: Nil for the newest.
    /// - Throws: `InvalidValue` when there is no such window, or its rule is of a later version.
    public func rule(of window: WindowID?) async throws -> (window: WindowID, rule: RuleDocument) {
        guard let (id, document) = try await database.run(LoadRule(window: window)).first else {
            throw InvalidValue(
                field: "window", value: window?.description ?? "none",
                expected: "one of the windows there are; the first opens once a champion was crowned")
        }
        return (id, try RuleDocument(parsing: document))
    }

    /// Sorted by environment; without those in which the champion has no result yet.
    public func championScores(in window: WindowID) async throws -> [ChampionScores] {
        try await database.run(LoadChampionScores(window: window))
    }

    /// What chance can do under a window's rule, with the noise that its champion showed.
    ///
    /// - Parameters:
    ///   - window: Nil for the newest.
    ///   - correlation: Between two runs on a task, where it was not measured; 0 is the worst.
    ///   - power: The probability with which the smallest gain is to win.
    /// - Throws: As `rule(of:)` and `RuleOdds.init` do.
    public func odds(
        in window: WindowID?, correlation: Double = 0, power: Double = 0.8
    ) async throws -> RuleOdds {
        let (window, document) = try await rule(of: window)
        var estimates: [EnvironmentName: NoiseEstimate] = [:]
        for champion in try await championScores(in: window) where champion.scores.count > 1 {
            estimates[champion.environment] = try NoiseEstimate(
                scores: champion.scores, reruns: champion.reruns, correlation: correlation)
        }
        return try RuleOdds(rule: document, estimates: estimates, power: power)
    }
}

private struct LoadRule: Statement {
    static let sql = """
        SELECT w.id, r.document FROM affine.task_window w JOIN affine.rule r ON r.digest = w.rule_digest
        WHERE w.id = COALESCE($1, (SELECT max(id) FROM affine.task_window))
        """
    var window: WindowID?
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (window: WindowID, document: String) {
        (try row.next(), try row.next())
    }
}

/// The first run is the champion's last one before the second; without a second it is the window's baseline.
private struct LoadChampionScores: Statement {
    static let sql = """
        WITH side AS (
            SELECT w.id AS window_id, w.rerun_evaluation AS again, COALESCE((
                SELECT max(e.id) FROM affine.evaluation r
                JOIN affine.evaluation e ON e.window_id = r.window_id AND e.hotkey = r.hotkey AND e.id < r.id
                WHERE r.id = w.rerun_evaluation), w.baseline_evaluation) AS once
            FROM affine.task_window w WHERE w.id = $1
        ), counted AS (
            SELECT r.evaluation, r.environment, ee.task_ids[r.position + 1] AS task,
                   COALESCE(r.score_nano, CASE WHEN r.outcome = 'scored' THEN we.hi_nano ELSE we.lo_nano END) AS score
            FROM side s
            JOIN affine.result r ON r.window_id = s.window_id AND r.evaluation IN (s.once, s.again)
            JOIN affine.window_environment we ON we.window_id = r.window_id AND we.environment = r.environment
            JOIN affine.evaluation_environment ee ON ee.evaluation = r.evaluation
                 AND ee.environment = COALESCE(we.derived_from, we.environment)
            WHERE r.outcome IN ('scored', 'model_fault')
        )
        SELECT n.name, array_agg(f.score ORDER BY t.slate_position),
               COALESCE(array_agg(f.score ORDER BY t.slate_position) FILTER (WHERE g.task IS NOT NULL), '{}'),
               COALESCE(array_agg(g.score ORDER BY t.slate_position) FILTER (WHERE g.task IS NOT NULL), '{}')
        FROM side s
        JOIN affine.window_environment we ON we.window_id = s.window_id
        JOIN affine.window_task t ON t.window_id = s.window_id AND t.environment = COALESCE(we.derived_from, we.environment)
             AND t.slate_position IS NOT NULL
        JOIN affine.environment n ON n.id = we.environment
        JOIN counted f ON f.evaluation = s.once AND f.environment = we.environment AND f.task = t.task_id
        LEFT JOIN counted g ON g.evaluation = s.again AND g.environment = we.environment AND g.task = t.task_id
        GROUP BY n.name ORDER BY n.name COLLATE "C"
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> ChampionScores {
        let environment: EnvironmentName = try row.next()
        let scores: [Int64] = try row.next()
        let first: [Int64] = try row.next()
        let second: [Int64] = try row.next()
        return ChampionScores(
            environment: environment, scores: scores.map(Score.init),
            reruns: zip(first, second).map { (Score(nano: $0), Score(nano: $1)) })
    }
}
