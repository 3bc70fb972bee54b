internal import Domain
internal import Postgres
internal import Records

/// The champion's evaluation, or the contest itself with the challenger's.
struct TracedSide: Sendable {
    let isChampion: Bool
    let window: Int64
    let evaluation: Int64
    let contest: Int64
    let hotkey: String
    let model: String
    let revision: String
    let start: Int64
    let end: Int64
    let verdict: String

    /// With the time in it, so that two arenas that send to one place stay apart.
    private var subject: String { "\(isChampion ? "evaluation \(evaluation)" : "contest \(contest)") \(start)" }

    var root: TraceSpan {
        var attributes: [String: JSONValue] = [
            "affine.window.id": .integer(window), "affine.evaluation.id": .integer(evaluation),
            "affine.miner.hotkey": .string(hotkey), "gen_ai.request.model": .string(model),
            "affine.model.revision": .string(revision),
        ]
        if !isChampion {
            attributes["affine.contest.id"] = .integer(contest)
            attributes["affine.verdict"] = .string(verdict)
        }
        return TraceSpan(
            id: .init(traceOf: subject), name: isChampion ? "champion's evaluation" : "contest", start: start, end: end,
            attributes: attributes, error: !isChampion && verdict == "void" ? "void" : nil)
    }
}

/// Row: a side of a contest; the champion's first.
struct LoadTracedSides: Statement {
    static let sql = """
        SELECT side.is_champion, c.window_id, e.id, c.id, e.hotkey, e.model, e.revision,
               (extract(epoch FROM CASE WHEN side.is_champion THEN e.created_at ELSE c.opened_at END) * 1000000)::int8 * 1000,
               (extract(epoch FROM CASE WHEN side.is_champion THEN COALESCE(e.ended_at, c.decided_at) ELSE c.decided_at END)
                   * 1000000)::int8 * 1000, c.verdict::text
        FROM affine.contest c
        CROSS JOIN LATERAL (VALUES (true, c.champion_evaluation), (false, c.challenger_evaluation)) AS side (is_champion, id)
        JOIN affine.evaluation e ON e.id = side.id
        WHERE c.id = $1 ORDER BY side.is_champion DESC
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> TracedSide {
        try TracedSide(
            isChampion: row.next(), window: row.next(), evaluation: row.next(), contest: row.next(),
            hotkey: row.next(), model: row.next(), revision: row.next(), start: row.next(), end: row.next(),
            verdict: row.next())
    }
}

/// What was run of one environment.
struct TracedEnvironment: Sendable {
    let id: Int16
    let name: String
    /// Of the slate, run or not.
    let jobs: Int
    let start: Int64
    let end: Int64

    func span(below root: TraceSpan.ID) -> TraceSpan {
        TraceSpan(
            id: root.below(name), parent: root, name: name, start: start, end: end,
            attributes: ["affine.environment": .string(name), "affine.environment.jobs": .integer(Int64(jobs))])
    }
}

/// Row: an environment of which anything was run, from its first attempt's beginning to its last one's end.
struct LoadTracedEnvironments: Statement {
    static let sql = """
        SELECT n.id, n.name, cardinality(ee.task_ids),
               (extract(epoch FROM min(a.ended_at - a.duration_ms * interval '1 millisecond')) * 1000000)::int8 * 1000,
               (extract(epoch FROM max(a.ended_at)) * 1000000)::int8 * 1000
        FROM affine.evaluation_environment ee
        JOIN affine.environment n ON n.id = ee.environment
        JOIN affine.attempt a ON a.window_id = $1 AND a.evaluation = ee.evaluation AND a.environment = ee.environment
        WHERE ee.evaluation = $2 GROUP BY n.id, n.name, ee.task_ids ORDER BY n.name
        """
    var side: TracedSide

    func bind(_ bindings: inout Bindings) {
        bindings.append(side.window)
        bindings.append(side.evaluation)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> TracedEnvironment {
        let id: Int16 = try row.next()
        let name: String = try row.next()
        let jobs: Int32 = try row.next()
        return try TracedEnvironment(id: id, name: name, jobs: Int(jobs), start: row.next(), end: row.next())
    }
}

/// One attempt, final or not.
struct TracedAttempt: Sendable {
    let task: Int64
    let position: Int32
    let attempt: Int16
    let lease: String
    /// Empty where no worker reported it, such as a deadline's.
    let worker: String
    let outcome: String
    let score: Int64?
    let code: String?
    let start: Int64
    let end: Int64
    let promptTokens: Int32?
    let completionTokens: Int32?

    func span(below environment: TraceSpan.ID, of side: TracedSide) -> TraceSpan {
        TraceSpan(
            id: environment.below("\(position) \(attempt) \(lease) \(worker)"), parent: environment, name: "attempt",
            start: start, end: end,
            attributes: [
                "affine.task.id": .integer(task), "affine.attempt": .integer(Int64(attempt)),
                "affine.outcome": .string(outcome),
                "affine.score": score.map { .number(Double($0) / Double(Score.unit)) } ?? .null,
                "error.type": code.map(JSONValue.string) ?? .null, "gen_ai.request.model": .string(side.model),
                "gen_ai.usage.input_tokens": promptTokens.map { .integer(Int64($0)) } ?? .null,
                "gen_ai.usage.output_tokens": completionTokens.map { .integer(Int64($0)) } ?? .null,
            ], error: code)
    }
}

/// Row: an attempt at jobs from `first` to before `end`.
struct LoadTracedAttempts: Statement {
    static let sql = """
        SELECT ee.task_ids[a.position + 1], a.position, a.attempt, a.lease::text, COALESCE(a.worker::text, ''), a.outcome::text,
               a.score_nano, a.error_code,
               (extract(epoch FROM a.ended_at - a.duration_ms * interval '1 millisecond') * 1000000)::int8 * 1000,
               (extract(epoch FROM a.ended_at) * 1000000)::int8 * 1000, a.prompt_tokens, a.completion_tokens
        FROM affine.attempt a
        JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
        WHERE a.window_id = $1 AND a.evaluation = $2 AND a.environment = $3 AND a.position >= $4 AND a.position < $5
        ORDER BY a.position, a.ended_at
        """
    var side: TracedSide
    var environment: TracedEnvironment
    var first: Int32
    var end: Int32

    func bind(_ bindings: inout Bindings) {
        bindings.append(side.window)
        bindings.append(side.evaluation)
        bindings.append(environment.id)
        bindings.append(first)
        bindings.append(end)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> TracedAttempt {
        try TracedAttempt(
            task: row.next(), position: row.next(), attempt: row.next(), lease: row.next(), worker: row.next(),
            outcome: row.next(), score: row.next(), code: row.next(), start: row.next(), end: row.next(),
            promptTokens: row.next(), completionTokens: row.next())
    }
}
