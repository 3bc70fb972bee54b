internal import Domain
internal import Postgres

extension Arena {
    /// Has the champion run the first tasks of the slate again. Nothing waits for it and no contest looks at it: it measures
    /// how much two runs of one model differ, from which the odds of a copy follow.
    func planReruns(of window: WindowID, in session: inout Session) throws {
        guard settings.rerunTasks > 0, let champion = try session.run(FindChampion()).first else { return }
        let evaluation = try plan(
            InsertEvaluation(window: window, hotkey: champion, deadline: settings.contestDeadline),
            jobs: try session.run(LoadPool(window: window)).map { pool in
                let count = min(settings.rerunTasks, pool.tasks.count)
                return PlannedJobs(
                    environment: pool.environment, tasks: Array(pool.tasks.prefix(count)), planned: count)
            }, in: &session)
        _ = try session.run(SetReruns(window: window, evaluation: evaluation))
    }
}

private struct SetReruns: Statement {
    static let sql = "UPDATE affine.task_window SET rerun_evaluation = $2 WHERE id = $1"
    var window: WindowID
    var evaluation: EvaluationID

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(evaluation)
    }
}
