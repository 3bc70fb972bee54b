internal import Domain
internal import Postgres
internal import Records
internal import Rules

extension Arena {
    /// Opens the contest of the queue's head against the champion: freezes the rule and the bars, and plans the
    /// challenger's jobs unless they run already.
    func openContest(with challenger: Hotkey, in session: inout Session) throws {
        guard let window = try session.run(FindOpenWindow()).first else { return }
        let slates = try session.run(LoadBaselineScores(window: window.id))
        let evaluation =
            try takeOver(challenger, in: window.id, &session)
            ?? plan(
                InsertEvaluation(window: window.id, hotkey: challenger, deadline: settings.contestDeadline),
                jobs: jobs(over: slates, in: window), in: &session)
        let contests = try session.run(
            InsertContest(
                window: window.id, challenger: challenger, evaluation: evaluation, deadline: settings.contestDeadline))
        _ = try session.run(SetMinerState(hotkey: challenger, state: "contesting", reason: "meets the champion"))
        for contest in contests {
            for slate in slates {
                _ = try session.run(InsertContestBar(contest: contest, slate: slate))
            }
            _ = try session.run(
                RecordEvent(
                    kind: "contest.opened", subject: "contest \(contest)",
                    reason: "\(challenger) against \(window.champion)", detail: #"{"evaluation":\#(evaluation)}"#))
        }
    }

    /// Plans the evaluation of a miner whose contest comes later, as its contest would plan it.
    func evaluateAhead(_ hotkey: Hotkey, in session: inout Session) throws {
        guard let window = try session.run(FindOpenWindow()).first else { return }
        let slates = try session.run(LoadBaselineScores(window: window.id))
        let evaluation = try plan(
            InsertEvaluation(window: window.id, hotkey: hotkey, deadline: settings.contestDeadline, isAhead: true),
            jobs: jobs(over: slates, in: window), in: &session)
        _ = try session.run(
            RecordEvent(kind: "evaluation.ahead", subject: "evaluation \(evaluation)", reason: "\(hotkey) is next"))
        if let check = settings.copyCheck { try askCopyCheck(of: hotkey, check, in: &session) }
    }

    /// Ends an evaluation whose miner no longer waits for a contest with this model.
    func dropAhead(_ evaluation: EvaluationID, in session: inout Session) throws {
        try end(evaluation, state: .cancelled, reason: "the miner no longer waits for a contest with it", in: &session)
    }

    /// The evaluation that runs ahead of a miner's contest. One that infrastructure has spoilt is ended: it would cost the
    /// miner a void contest.
    private func takeOver(
        _ challenger: Hotkey, in window: WindowID, _ session: inout Session
    ) throws -> EvaluationID? {
        guard let ahead = try session.run(FindAhead(window: window, hotkey: challenger)).first else { return nil }
        guard ahead.isSpoilt else { return ahead.evaluation }
        try end(
            ahead.evaluation, state: .cancelled, reason: "spoilt by infrastructure ahead of its contest", in: &session)
        return nil
    }

    /// A challenger's jobs over the slates, those first that decide soonest.
    private func jobs(over slates: [BaselineSlate], in window: FindOpenWindow.Window) -> [PlannedJobs] {
        let asked = slates.filter { !$0.isDerived }
        return zip(asked, turns(of: asked)).map { slate, turn in
            PlannedJobs(
                environment: slate.environment,
                // Evidence is only evidence in the slate's own order, which is random.
                tasks: window.stopsOnEvidence
                    ? slate.tasks
                    : TaskOrder.challenger(baseline: slate.scores, durations: slate.durations)
                        .map { slate.tasks[$0] },
                planned: slate.tasks.count, turn: turn)
        }
    }

    /// Which environment runs before which; equal turns run side by side.
    private func turns(of slates: [BaselineSlate]) -> [Int] {
        switch settings.environmentOrder {
        case .parallel: slates.map { _ in 0 }
        case .serial: Array(slates.indices)
        case .auto: TaskOrder.turns(of: slates.map(\.refutation))
        }
    }
}

/// Per environment the slate in order, and what the champion scored on each task (`lo` where it has no valid score, `hi`
/// where a derived environment has one without a value).
private struct BaselineSlate: Sendable {
    var environment: Int16
    /// Without jobs of its own.
    var isDerived: Bool
    var tasks: [TaskID]
    var scores: [Score]
    var hi: Score
    var margin: Score
    /// How long the champion's jobs took, in ms; 0 where there is none.
    var durations: [Int64]

    var refutation: Refutation {
        let known = durations.filter { $0 > 0 }
        let mean = known.isEmpty ? 1 : known.reduce(0, +) / Int64(known.count)
        return Refutation(baseline: scores, hi: hi, margin: margin, cost: max(1, mean))
    }
}

private struct FindOpenWindow: Statement {
    struct Window: Sendable {
        var id: WindowID
        var champion: Hotkey
        var stopsOnEvidence: Bool
    }

    static let sql = """
        SELECT w.id, e.hotkey, r.document::jsonb->>'stopping' = 'anytime'
        FROM affine.task_window w
        JOIN affine.evaluation e ON e.id = w.baseline_evaluation
        JOIN affine.rule r ON r.digest = w.rule_digest
        WHERE w.state = 'open' AND e.state = 'complete'
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Window {
        try Window(id: row.next(), champion: row.next(), stopsOnEvidence: row.next())
    }
}

private struct LoadBaselineScores: Statement {
    static let sql = """
        WITH answered AS MATERIALIZED (
            SELECT we.environment, asked.task, r.duration_ms,
                   COALESCE(r.score_nano, CASE WHEN r.outcome = 'scored' THEN we.hi_nano END) AS score_nano
            FROM affine.task_window w
            JOIN affine.window_environment we ON we.window_id = w.id
            JOIN affine.evaluation_environment ee ON ee.evaluation = w.baseline_evaluation
                 AND ee.environment = COALESCE(we.derived_from, we.environment)
            CROSS JOIN LATERAL affine.places(ee.task_ids) AS asked
            JOIN affine.result r ON r.window_id = w.id AND r.evaluation = ee.evaluation AND r.environment = we.environment
                 AND r.position = asked.place - 1
            WHERE w.id = $1)
        SELECT we.environment, we.derived_from IS NOT NULL, array_agg(t.task_id ORDER BY t.slate_position),
               array_agg(COALESCE(b.score_nano, we.lo_nano) ORDER BY t.slate_position), we.hi_nano, we.margin_nano,
               array_agg(COALESCE(b.duration_ms, 0)::bigint ORDER BY t.slate_position)
        FROM affine.window_environment we
        JOIN affine.window_task t ON t.window_id = we.window_id AND t.environment = COALESCE(we.derived_from, we.environment)
        LEFT JOIN answered b ON b.environment = we.environment AND b.task = t.task_id
        WHERE we.window_id = $1 AND t.slate_position IS NOT NULL
        GROUP BY we.environment, we.derived_from, we.hi_nano, we.margin_nano ORDER BY we.environment
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> BaselineSlate {
        let environment: Int16 = try row.next()
        let isDerived: Bool = try row.next()
        let tasks: [Int64] = try row.next()
        let scores: [Int64] = try row.next()
        return try BaselineSlate(
            environment: environment, isDerived: isDerived, tasks: tasks.map(TaskID.init),
            scores: scores.map(Score.init),
            hi: Score(nano: row.next()), margin: Score(nano: row.next()), durations: row.next())
    }
}

private struct FindAhead: Statement {
    struct Ahead: Sendable {
        var evaluation: EvaluationID
        /// Whether a job of it ended in a fault that is nobody's.
        var isSpoilt: Bool
    }

    static let sql = """
        SELECT e.id, EXISTS (SELECT FROM affine.attempt a WHERE a.window_id = e.window_id AND a.evaluation = e.id AND a.final
                             AND a.outcome IN ('infra_fault', 'environment_fault'))
        FROM affine.evaluation e
        WHERE e.window_id = $1 AND e.hotkey = $2 AND e.state = 'running' AND affine.is_ahead(e)
        """
    var window: WindowID
    var hotkey: Hotkey

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(hotkey)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Ahead {
        try Ahead(evaluation: row.next(), isSpoilt: row.next())
    }
}

private struct InsertContestBar: Statement {
    static let sql = """
        INSERT INTO affine.contest_bar (contest, environment, tasks, champion_sum_nano, bar_nano) VALUES ($1, $2, $3, $4, $5)
        """
    var contest: ContestID
    var slate: BaselineSlate

    func bind(_ bindings: inout Bindings) {
        let count = Int64(slate.tasks.count)
        let sum = slate.scores.reduce(ScoreSum.zero) { $0 + $1 }
        bindings.append(contest)
        bindings.append(slate.environment)
        bindings.append(Int32(clamping: count))
        bindings.append(Int64(clamping: sum.nano))
        bindings.append(Int64(clamping: (sum + ScoreSum(slate.margin, times: count)).nano))
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
