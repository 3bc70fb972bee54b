internal import Domain
internal import Postgres
internal import Records
internal import Rules

extension Arena {
    /// Opens the contest of the queue's head against the champion: freezes the rule and plans the challenger's jobs,
    /// those first that the champion failed.
    func openContest(with challenger: Hotkey, in session: inout Session) throws {
        guard let window = try session.run(FindOpenWindow()).first else { return }
        let slates = try session.run(LoadBaselineScores(window: window.id))
        let evaluation = try plan(
            InsertEvaluation(window: window.id, hotkey: challenger, deadline: settings.contestDeadline),
            jobs: slates.map { slate in
                (
                    slate.environment, TaskOrder.challenger(baseline: slate.scores).map { slate.tasks[$0] },
                    slate.tasks.count
                )
            }, in: &session)
        let contests = try session.run(
            InsertContest(
                window: window.id, challenger: challenger, evaluation: evaluation, deadline: settings.contestDeadline))
        _ = try session.run(SetMinerState(hotkey: challenger, state: "contesting", reason: "meets the champion"))
        for contest in contests {
            _ = try session.run(
                RecordEvent(
                    kind: "contest.opened", subject: "contest \(contest)",
                    reason: "\(challenger) against \(window.champion)", detail: #"{"evaluation":\#(evaluation)}"#))
        }
    }
}

private struct FindOpenWindow: Statement {
    struct Window: Sendable {
        var id: WindowID
        var champion: Hotkey
    }

    static let sql = """
        SELECT w.id, e.hotkey FROM affine.task_window w JOIN affine.evaluation e ON e.id = w.baseline_evaluation
        WHERE w.state = 'open' AND e.state = 'complete'
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Window {
        try Window(id: row.next(), champion: row.next())
    }
}

/// Per environment the slate in order, and what the champion scored on each task (`lo` where it has no valid score).
private struct LoadBaselineScores: Statement {
    struct Slate: Sendable {
        var environment: Int16
        var tasks: [TaskID]
        var scores: [Score]
    }

    static let sql = """
        WITH answered AS (
            SELECT a.environment, ee.task_ids[a.position + 1] AS task, a.score_nano
            FROM affine.task_window w
            JOIN affine.evaluation_environment ee ON ee.evaluation = w.baseline_evaluation
            JOIN affine.attempt a ON a.window_id = w.id AND a.evaluation = ee.evaluation
                 AND a.environment = ee.environment AND a.final
            WHERE w.id = $1)
        SELECT t.environment, array_agg(t.task_id ORDER BY t.slate_position),
               array_agg(COALESCE(b.score_nano, we.lo_nano) ORDER BY t.slate_position)
        FROM affine.window_task t
        JOIN affine.window_environment we USING (window_id, environment)
        LEFT JOIN answered b ON b.environment = t.environment AND b.task = t.task_id
        WHERE t.window_id = $1 AND t.slate_position IS NOT NULL
        GROUP BY t.environment ORDER BY t.environment
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Slate {
        let environment: Int16 = try row.next()
        let tasks: [Int64] = try row.next()
        let scores: [Int64] = try row.next()
        return Slate(environment: environment, tasks: tasks.map(TaskID.init), scores: scores.map(Score.init))
    }
}

private struct InsertContest: Statement {
    static let sql = """
        INSERT INTO affine.contest (window_id, champion, challenger, champion_evaluation, challenger_evaluation, rule_digest,
                                    deadline_at)
        SELECT w.id, e.hotkey, $2, e.id, $3, w.rule_digest, clock_timestamp() + make_interval(secs => $4::float8)
        FROM affine.task_window w JOIN affine.evaluation e ON e.id = w.baseline_evaluation WHERE w.id = $1
        RETURNING id
        """
    var window: WindowID
    var challenger: Hotkey
    var evaluation: EvaluationID
    var deadline: Duration

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(challenger)
        bindings.append(evaluation)
        bindings.append(deadline / .seconds(1))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> ContestID { try row.next() }
}
