internal import Digest
internal import Domain
internal import Logging
internal import Postgres
internal import Records
internal import Rules

extension Arena {
    /// Opens the next window at the head block: freezes the environments and the rule, draws the pool, and plans the
    /// champion's evaluation of it. Evaluations of the window before are ended.
    func openWindow(after previous: WindowID?, in session: inout Session) throws {
        guard let block = try session.run(LoadHead()).first else { return }
        let window = WindowID(rawValue: try session.run(NextWindow()).first ?? 1)
        let seed = WindowSeed(window: window, openingBlock: block.hash)
        let environments = try soundEnvironments(seed, in: &session)
        guard !environments.isEmpty else { return }
        let rule = try rule(for: environments)
        if let previous { try close(previous, in: &session) }
        _ = try session.run(SetRotation(reason: nil))
        _ = try session.run(InsertRule(rule: rule))
        _ = try session.run(InsertWindow(window: window, block: block.number, ruleDigest: rule.digest.bytes))
        _ = try session.run(FreezeEnvironments(window: window))
        _ = try session.run(OpenAttemptPartition(window: window))
        for environment in environments where environment.derived == nil {
            let pool = try environment.pool(seed)
            _ = try session.run(InsertPool(window: window, environment: environment.id, tasks: pool))
        }
        try beginBaseline(of: window, in: &session)
        _ = try session.run(
            RecordEvent(
                kind: "window.opened", subject: "window \(window)", reason: "block \(block.number)",
                detail: #"{"rule":"\#(rule.digest.hex)","seed":"\#(seed.digest.hex)"}"#))
    }

    /// The enabled environments that contests can be held in, derived ones after all others. One that none can be held in
    /// is disabled and reported, and keeps the others from nothing.
    private func soundEnvironments(
        _ seed: WindowSeed, in session: inout Session
    ) throws -> [EnabledEnvironment] {
        var sound: [EnabledEnvironment] = []
        for environment in try session.run(LoadEnabledEnvironments()) {
            do throws(InvalidValue) {
                let source = sound.filter { $0.name == environment.derived?.source }
                _ = try rule(for: source + [environment])
                if environment.derived == nil { _ = try environment.pool(seed) }
                sound.append(environment)
            } catch {
                _ = try session.run(DisableEnvironment(environment: environment.id))
                _ = try session.run(
                    RecordEvent(
                        kind: "environment.quarantined", subject: environment.name.rawValue, reason: error.description))
                logger.error(
                    "an environment is quarantined: define it anew",
                    metadata: ["environment": "\(environment.name)", "error": "\(error)"])
            }
        }
        return sound
    }

    private func close(_ window: WindowID, in session: inout Session) throws {
        for (evaluation, isSettled) in try session.run(FindRunningEvaluations(window: window)) {
            try end(
                evaluation, state: isSettled ? .complete : .cancelled,
                reason: isSettled ? "every job is settled" : "window \(window) closed", in: &session)
        }
        _ = try session.run(CloseWindow(window: window))
    }

    /// The rule over the enabled environments.
    private func rule(for environments: [EnabledEnvironment]) throws(InvalidValue) -> RuleDocument {
        // With fewer environments than have to be dominant all of them have to be.
        let minDominant = settings.minDominant.map { min($0, environments.count) }
        let kind: any RuleKind = minDominant.map { PartialPareto(minDominant: $0) } ?? StrictMargin()
        return try RuleDocument(
            kind: kind,
            environments: environments.map { environment in
                RuleEnvironment(
                    name: environment.name,
                    terms: EnvironmentTerms(
                        bounds: environment.bounds, margin: environment.margin,
                        samplingCount: Int64(environment.samplingCount),
                        tolerance: minDominant.map { _ in environment.tolerance ?? .additive(.zero) },
                        confidence: settings.confidence, clusterSpan: environment.clusterSpan,
                        derived: environment.derived))
            },
            stopping: settings.alphaNano != nil ? .anytime : settings.curtail ? .exact : .full,
            voidAllowance: settings.voidAllowance, alphaNano: settings.alphaNano)
    }
}

private struct DisableEnvironment: Statement {
    static let sql = "UPDATE affine.environment SET enabled = false WHERE id = $1"
    var environment: Int16
    func bind(_ bindings: inout Bindings) { bindings.append(environment) }
}

private struct LoadHead: Statement {
    static let sql = "SELECT number, encode(hash, 'hex') FROM affine.chain_block ORDER BY number DESC LIMIT 1"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Block { try .decode(&row) }
}

private struct NextWindow: Statement {
    static let sql = "SELECT COALESCE(max(id), 0) + 1 FROM affine.task_window"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct InsertRule: Statement {
    static let sql = "INSERT INTO affine.rule (digest, document) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    var rule: RuleDocument

    func bind(_ bindings: inout Bindings) {
        bindings.append(rule.digest.bytes)
        bindings.append(rule.canonical)
    }
}

private struct InsertWindow: Statement {
    static let sql = "INSERT INTO affine.task_window (id, opened_block, rule_digest) VALUES ($1, $2, $3)"
    var window: WindowID
    var block: Int64
    var ruleDigest: [UInt8]

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(block)
        bindings.append(ruleDigest)
    }
}

private struct FreezeEnvironments: Statement {
    static let sql = """
        INSERT INTO affine.window_environment (window_id, environment, kind, base_url, lo_nano, hi_nano, margin_nano,
            sampling_count, timeout_ms, temperature, max_attempts, run_length, parameters, dataset_ranges, selection, container,
            derived_from, token_budget)
        SELECT $1, n.id, n.kind, n.base_url, n.lo_nano, n.hi_nano, n.margin_nano, COALESCE(s.sampling_count, n.sampling_count),
               n.timeout_ms, n.temperature, n.max_attempts, n.run_length, n.parameters, n.dataset_ranges, n.selection, n.container,
               n.derived_from, n.token_budget
        FROM affine.environment n LEFT JOIN affine.environment s ON s.id = n.derived_from WHERE n.enabled
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}

private struct OpenAttemptPartition: Statement {
    static let sql = "SELECT affine.open_attempt_partition($1)"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}

private struct InsertPool: Statement {
    static let sql = """
        INSERT INTO affine.window_task (window_id, environment, ordinal, task_id)
        SELECT $1, $2, place - 1, task FROM unnest($3::int8[]) WITH ORDINALITY AS pool (task, place)
        """
    var window: WindowID
    var environment: Int16
    var tasks: [TaskID]

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(environment)
        bindings.append(tasks.map(\.rawValue))
    }
}

private struct FindRunningEvaluations: Statement {
    static let sql = """
        SELECT e.id, (SELECT sum(p.planned) = sum(p.finished) FROM ops.evaluation_progress p WHERE p.evaluation = e.id)
        FROM affine.evaluation e WHERE e.window_id = $1 AND e.state = 'running'
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(
        _ row: inout RowReader
    ) throws(PostgresError) -> (evaluation: EvaluationID, isSettled: Bool) {
        (try row.next(), try row.next())
    }
}

private struct CloseWindow: Statement {
    static let sql =
        "UPDATE affine.task_window SET state = 'closed', closed_at = clock_timestamp(), slate_frozen_at = COALESCE(slate_frozen_at, clock_timestamp()) WHERE id = $1"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
}
