public import Domain
internal import Postgres
internal import Records

/// What happened in one window: the newest where none is named.
extension Reports {
    /// What went wrong, the most frequent first.
    public func errors(in window: WindowID? = nil) async throws -> [JSONValue] {
        try await database.run(ListErrors(window: window))
    }

    /// What each evaluation cost in all its environments, the latest contest first.
    public func costs(in window: WindowID? = nil) async throws -> [JSONValue] {
        try await database.run(ListCosts(window: window))
    }

    /// What each worker cost, the most expensive first.
    public func workerCosts(in window: WindowID? = nil) async throws -> [JSONValue] {
        try await database.run(ListWorkerCosts(window: window))
    }
}

private struct ListErrors: JSONRows {
    static let sql = """
        SELECT to_jsonb(e) FROM ops.error e WHERE e.window_id = COALESCE($1, (SELECT max(id) FROM affine.task_window))
        ORDER BY e.tries DESC, e.error_code, e.environment
        """
    var window: WindowID?
    func bind(_ bindings: inout Bindings) { bindings.append(window?.rawValue) }
}

private struct ListCosts: JSONRows {
    static let sql = """
        SELECT jsonb_build_object('evaluation', c.evaluation, 'contest', c.contest, 'side', c.side, 'hotkey', c.hotkey,
            'model', c.model, 'revision', c.revision, 'tries', sum(c.tries), 'scored', sum(c.scored),
            'retries_share', round((sum(c.tries) - sum(c.jobs)) / NULLIF(sum(c.tries), 0), 4),
            'prompt_tokens', sum(c.prompt_tokens), 'completion_tokens', sum(c.completion_tokens),
            'worker_hours', round(sum(c.worker_hours)::numeric, 4), 'money', round(sum(c.money)::numeric, 4),
            'money_per_score', round(sum(c.money)::numeric / NULLIF(sum(c.scored), 0), 6),
            'jobs_saved', sum(c.jobs_saved), 'money_saved', round(sum(c.money_saved)::numeric, 4))
        FROM ops.cost c WHERE c.window_id = COALESCE($1, (SELECT max(id) FROM affine.task_window))
        GROUP BY c.evaluation, c.contest, c.side, c.hotkey, c.model, c.revision
        ORDER BY c.contest DESC NULLS FIRST, c.evaluation DESC
        """
    var window: WindowID?
    func bind(_ bindings: inout Bindings) { bindings.append(window?.rawValue) }
}

private struct ListWorkerCosts: JSONRows {
    static let sql = """
        SELECT to_jsonb(w) || jsonb_build_object('hours', round(w.hours::numeric, 4), 'money', round(w.money::numeric, 4),
            'used_hours', round(w.used_hours::numeric, 4), 'used_share', round((w.used_hours / NULLIF(w.hours, 0))::numeric, 4))
        FROM ops.worker_cost w WHERE w.window_id = COALESCE($1, (SELECT max(id) FROM affine.task_window))
        ORDER BY w.money DESC NULLS LAST, w.hours DESC, w.worker
        """
    var window: WindowID?
    func bind(_ bindings: inout Bindings) { bindings.append(window?.rawValue) }
}
