internal import Domain
internal import Logging
internal import Postgres
internal import Records

extension Arena {
    /// Plans the champion's evaluation of the pool: the first `sampling_count` tasks that are not struck, the rest spare.
    func beginBaseline(of window: WindowID, in session: inout Session) throws {
        guard let champion = try session.run(FindChampion()).first else { return }
        let pools = try session.run(LoadPool(window: window))
        let evaluation = try plan(
            InsertEvaluation(window: window, hotkey: champion, deadline: settings.baselineDeadline),
            jobs: pools.map { pool in
                PlannedJobs(
                    environment: pool.environment, tasks: pool.tasks, planned: min(pool.wanted, pool.tasks.count))
            }, in: &session)
        _ = try session.run(SetBaseline(window: window, evaluation: evaluation, isNewChampion: false))
    }

    /// Strikes tasks that can't be graded, replaces them, and freezes the slate when every wanted task is settled.
    /// Returns whether anything changed.
    func advanceBaseline(of window: WindowID, in session: inout Session) throws -> Bool {
        guard let baseline = try session.run(LoadBaseline(window: window)).first else { return false }
        guard baseline.isSettled || baseline.isOverdue else { return false }
        _ = try session.run(AnalyzeWindow(window: window))
        // Not before all faults are known: which tasks get the spare places must not depend on who reported first.
        if baseline.isSettled, !baseline.slateIsFrozen, try strikeUngradable(baseline, in: &session) { return true }
        if baseline.unresolved > 0, baseline.round < settings.baselineRounds {
            try end(
                baseline.evaluation, state: .cancelled,
                reason: "\(baseline.unresolved) jobs ended in a fault that is nobody's, or not at all", in: &session)
            try beginBaseline(of: window, in: &session)
            return true
        }
        try end(
            baseline.evaluation, state: .complete,
            reason: baseline.isSettled ? "every job is settled" : "deadline passed",
            in: &session)
        if !baseline.slateIsFrozen {
            _ = try session.run(FreezeSlate(window: window))
            _ = try session.run(OpenWindow(window: window))
            try planReruns(of: window, in: &session)
        }
        _ = try session.run(
            RecordEvent(
                kind: "window.baseline_complete", subject: "window \(window)",
                reason: "evaluation \(baseline.evaluation)",
                detail: #"{"unresolved":\#(baseline.unresolved),"round":\#(baseline.round)}"#))
        try quarantineUncounted(baseline, in: &session)
        return true
    }

    /// Nobody can be held against tokens that were not counted: an environment that is derived from them is disabled, and
    /// the next window opens without it before any contest does.
    private func quarantineUncounted(_ baseline: Baseline, in session: inout Session) throws {
        let uncounted = try session.run(
            DisableUncounted(window: baseline.window, evaluation: baseline.evaluation))
        for environment in uncounted {
            let reason = "no tokens were counted for more than one in ten of the champion's answers"
            _ = try session.run(
                RecordEvent(kind: "environment.quarantined", subject: environment.rawValue, reason: reason))
            _ = try session.run(SetRotation(reason: "\(environment): \(reason)"))
            logger.error(
                "an environment is quarantined: have the engines report usage, and define it anew",
                metadata: ["environment": "\(environment)", "error": "\(reason)"])
        }
    }

    /// A task leaves the pool only on evidence that does not come from the champion's answers, and only while a spare
    /// one can take its place.
    private func strikeUngradable(_ baseline: Baseline, in session: inout Session) throws -> Bool {
        let struck = try session.run(StrikeUngradable(window: baseline.window, evaluation: baseline.evaluation))
        for task in struck {
            let next = try session.run(PlanSpare(evaluation: baseline.evaluation, environment: task.environment))
            for position in next {
                _ = try session.run(
                    Enqueue(evaluation: baseline.evaluation, environment: task.environment, firstPosition: position))
            }
            _ = try session.run(
                RecordEvent(
                    kind: "task.struck", subject: "window \(baseline.window) task \(task.task)", reason: task.reason,
                    detail: #"{"environment":\#(task.environment)}"#))
        }
        return !struck.isEmpty
    }
}

/// How far the champion's evaluation is. A deadline passes only while a worker is live: an outage of the fleet is nobody's
/// failure.
private struct Baseline: Sendable {
    var window: WindowID
    var evaluation: EvaluationID
    var round: Int16
    var slateIsFrozen: Bool
    var isOverdue: Bool
    var isSettled: Bool
    /// Jobs without a result that is the model's own: faults that are nobody's, and jobs that never ended.
    var unresolved: Int64
}

private struct LoadBaseline: Statement {
    static let sql = """
        SELECT w.id, e.id, w.baseline_round, w.state <> 'baseline', clock_timestamp() > e.deadline_at AND EXISTS (SELECT FROM ops.worker WHERE state = 'live'),
               sum(ee.planned) = sum(done.ended), (sum(ee.planned) - sum(done.resolved))::bigint
        FROM affine.task_window w
        JOIN affine.evaluation e ON e.id = w.baseline_evaluation
        JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS ended, count(*) FILTER (WHERE a.outcome IN ('scored', 'model_fault')) AS resolved
            FROM affine.attempt a
            WHERE a.window_id = w.id AND a.evaluation = e.id AND a.environment = ee.environment AND a.final) AS done
        WHERE w.id = $1 AND e.state = 'running'
        GROUP BY w.id, e.id
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Baseline {
        try Baseline(
            window: row.next(), evaluation: row.next(), round: row.next(), slateIsFrozen: row.next(),
            isOverdue: row.next(),
            isSettled: row.next(), unresolved: row.next())
    }
}

/// Tells the planner how much there is to read: the champion's results are there, and contests are about to open on them.
private struct AnalyzeWindow: Statement {
    static let sql = "SELECT affine.analyze_window($1)"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}

struct FindChampion: Statement {
    static let sql = "SELECT hotkey FROM affine.miner WHERE state = 'champion'"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Hotkey { try row.next() }
}

/// Per environment the tasks a champion may be asked: the frozen slate, or before that the pool without what was struck.
struct LoadPool: Statement {
    struct Pool: Sendable {
        var environment: Int16
        var wanted: Int
        var tasks: [TaskID]
    }

    static let sql = """
        SELECT t.environment, we.sampling_count, array_agg(t.task_id ORDER BY t.ordinal)
        FROM affine.window_task t
        JOIN affine.window_environment we USING (window_id, environment)
        JOIN affine.task_window w ON w.id = t.window_id
        WHERE t.window_id = $1 AND t.struck_reason IS NULL AND (w.state = 'baseline' OR t.slate_position IS NOT NULL)
        GROUP BY t.environment, we.sampling_count ORDER BY t.environment
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Pool {
        let environment: Int16 = try row.next()
        let wanted: Int32 = try row.next()
        let tasks: [Int64] = try row.next()
        return Pool(environment: environment, wanted: Int(wanted), tasks: tasks.map(TaskID.init))
    }
}

/// Names whose scores contests are held against; a new champion's passes are counted from one.
struct SetBaseline: Statement {
    static let sql = """
        UPDATE affine.task_window
        SET baseline_evaluation = $2, baseline_round = CASE WHEN $3 THEN 1 ELSE baseline_round + 1 END
        WHERE id = $1
        """
    var window: WindowID
    var evaluation: EvaluationID
    var isNewChampion: Bool

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(evaluation)
        bindings.append(isNewChampion)
    }
}

/// Strikes the tasks whose job ended in a fault of the environment that does not depend on the answer, as far as spare
/// tasks reach: at most (pool − sampling_count) in each environment.
private struct StrikeUngradable: Statement {
    struct Struck: Sendable {
        var environment: Int16
        var task: TaskID
        var reason: String
    }

    static let sql = """
        WITH ended AS MATERIALIZED (
            SELECT a.environment, ee.task_ids[a.position + 1] AS task_id, a.error_code, a.evidence,
                   cardinality(ee.task_ids) - ee.planned AS left_over
            FROM affine.attempt a
            JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
            WHERE a.window_id = $1 AND a.evaluation = $2 AND a.final AND a.outcome = 'environment_fault'
              AND a.evidence IS NOT NULL
        ), fault AS (
            SELECT t.environment, t.ordinal, e.error_code, e.evidence, e.left_over,
                   row_number() OVER (PARTITION BY t.environment ORDER BY t.ordinal) AS nth
            FROM ended e
            JOIN affine.window_task t ON t.window_id = $1 AND t.environment = e.environment AND t.task_id = e.task_id
            WHERE t.struck_reason IS NULL)
        UPDATE affine.window_task t SET struck_reason = f.error_code, struck_evidence = f.evidence
        FROM fault f
        WHERE t.window_id = $1 AND t.environment = f.environment AND t.ordinal = f.ordinal AND f.nth <= f.left_over
        RETURNING t.environment, t.task_id, t.struck_reason
        """
    var window: WindowID
    var evaluation: EvaluationID

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(evaluation)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Struck {
        try Struck(environment: row.next(), task: row.next(), reason: row.next())
    }
}

/// Disables derived environments for which more than one in ten of an evaluation's scores has no value.
private struct DisableUncounted: Statement {
    static let sql = """
        UPDATE affine.environment n SET enabled = false
        FROM affine.window_environment we
        WHERE we.window_id = $1 AND we.environment = n.id AND we.derived_from IS NOT NULL
          AND (SELECT count(*) FILTER (WHERE r.score_nano IS NULL) * 10 > count(*) FROM affine.result r
               WHERE r.window_id = $1 AND r.evaluation = $2 AND r.environment = n.id AND r.outcome = 'scored')
        RETURNING n.name
        """
    var window: WindowID
    var evaluation: EvaluationID

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(evaluation)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> EnvironmentName { try row.next() }
}

/// Row: the position of the spare job that is wanted now.
private struct PlanSpare: Statement {
    static let sql = """
        UPDATE affine.evaluation_environment SET planned = planned + 1 WHERE evaluation = $1 AND environment = $2
        RETURNING planned - 1
        """
    var evaluation: EvaluationID
    var environment: Int16

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(environment)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

/// The first `sampling_count` tasks in pool order that were not struck.
private struct FreezeSlate: Statement {
    static let sql = """
        WITH numbered AS (
            SELECT environment, ordinal, row_number() OVER (PARTITION BY environment ORDER BY ordinal) - 1 AS place
            FROM affine.window_task WHERE window_id = $1 AND struck_reason IS NULL)
        UPDATE affine.window_task t SET slate_position = n.place
        FROM numbered n JOIN affine.window_environment we ON we.window_id = $1 AND we.environment = n.environment
        WHERE t.window_id = $1 AND t.environment = n.environment AND t.ordinal = n.ordinal AND n.place < we.sampling_count
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}

private struct OpenWindow: Statement {
    static let sql = "UPDATE affine.task_window SET state = 'open', slate_frozen_at = clock_timestamp() WHERE id = $1"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}
