public import Domain
internal import Postgres
internal import Records

/// What it took to get the results of one side of a contest in one environment.
public struct SideTries: Hashable, Sendable, Encodable {
    public let environment: EnvironmentName
    /// `champion` or `challenger`.
    public let side: String
    /// Attempts, whatever their outcome.
    public let tries: Int64
    /// Attempts after which the job was tried again.
    public let retries: Int64
    /// Jobs that ended in the model's own failure, in nobody's, and in the environment's.
    public let modelFaults: Int64
    public let infraFaults: Int64
    public let environmentFaults: Int64
    /// Over all attempts.
    public let completionTokens: Int64?
    public let meanDurationMS: Int64?
    /// How many workers had a part in it.
    public let workers: Int64

    enum CodingKeys: String, CodingKey {
        case environment, side, tries, retries, workers
        case modelFaults = "model_faults"
        case infraFaults = "infra_faults"
        case environmentFaults = "environment_faults"
        case completionTokens = "completion_tokens"
        case meanDurationMS = "mean_duration_ms"
    }
}

/// One side's result on one task, as it was reported.
public struct TaskAnswer: Hashable, Sendable, Encodable {
    public let environment: EnvironmentName
    public let task: TaskID
    public let side: String
    public let outcome: Outcome
    public let score: Score?
    public let attempt: Int16
    public let worker: String?
    public let durationMS: Int32
    public let completionTokens: Int32?
    public let errorCode: String?
    public let errorDetail: String?
    public let evidence: String?
    /// Nil where none was kept.
    public let transcript: TaskTranscript?

    enum CodingKeys: String, CodingKey {
        case environment, task, side, outcome, attempt, worker, evidence, transcript
        case score = "score_nano"
        case durationMS = "duration_ms"
        case completionTokens = "completion_tokens"
        case errorCode = "error_code"
        case errorDetail = "error_detail"
    }
}

extension ContestHistory {
    /// Sorted by environment, the champion first.
    ///
    /// - Throws: `HistoryError.archived`.
    public func tries(of contest: ContestID) async throws -> [SideTries] {
        try await checkIsHere(contest)
        return try await database.run(LoadTries(contest: contest))
    }

    /// How many contests of the same challenger were void before this one.
    public func voids(before contest: ContestID) async throws -> Int64 {
        try await database.run(CountVoids(contest: contest)).first ?? 0
    }

    /// Both sides' final results on some tasks of one environment, in the order of the tasks, the champion first. What was
    /// said in a derived environment was said in its source.
    ///
    /// - Throws: `HistoryError.archived`.
    public func answers(
        in contest: ContestID, environment: EnvironmentName, tasks: [TaskID]
    ) async throws -> [TaskAnswer] {
        try await checkIsHere(contest)
        return try await database.run(LoadAnswers(contest: contest, environment: environment, tasks: tasks))
    }
}

private struct LoadTries: Statement {
    static let sql = """
        SELECT n.name, side.word, count(*), count(*) FILTER (WHERE NOT a.final),
               count(*) FILTER (WHERE a.final AND a.outcome = 'model_fault'),
               count(*) FILTER (WHERE a.final AND a.outcome = 'infra_fault'),
               count(*) FILTER (WHERE a.final AND a.outcome = 'environment_fault'),
               sum(a.completion_tokens)::bigint, avg(a.duration_ms)::bigint, count(DISTINCT a.worker)
        FROM affine.contest c
        CROSS JOIN LATERAL (VALUES ('champion', c.champion_evaluation), ('challenger', c.challenger_evaluation))
            AS side (word, evaluation)
        JOIN affine.attempt a ON a.window_id = c.window_id AND a.evaluation = side.evaluation
        JOIN affine.environment n ON n.id = a.environment
        WHERE c.id = $1
        GROUP BY n.name, side.word ORDER BY n.name, side.word = 'challenger'
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SideTries {
        try SideTries(
            environment: row.next(), side: row.next(), tries: row.next(), retries: row.next(),
            modelFaults: row.next(), infraFaults: row.next(), environmentFaults: row.next(),
            completionTokens: row.next(), meanDurationMS: row.next(), workers: row.next())
    }
}

private struct CountVoids: Statement {
    static let sql = """
        SELECT count(*) FROM affine.contest c JOIN affine.contest v ON v.challenger = c.challenger AND v.id < c.id
        WHERE c.id = $1 AND v.state = 'void'
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct LoadAnswers: Statement {
    static let sql = """
        SELECT n.name, wanted.task, side.word, a.outcome::text,
               (SELECT r.score_nano FROM affine.result r WHERE r.window_id = c.window_id AND r.evaluation = side.evaluation
                AND r.environment = n.id AND r.position = a.position), a.attempt, w.name, a.duration_ms,
               a.completion_tokens, a.error_code, a.error_detail, a.evidence, t.bytes, t.is_cut,
               ARRAY(SELECT m.content FROM unnest(t.messages) WITH ORDINALITY AS said (digest, place)
                     JOIN affine.message m ON m.digest = said.digest ORDER BY said.place)
        FROM affine.contest c
        CROSS JOIN LATERAL (VALUES ('champion', c.champion_evaluation), ('challenger', c.challenger_evaluation))
            AS side (word, evaluation)
        JOIN affine.environment n ON n.name = $2
        JOIN affine.window_environment we ON we.window_id = c.window_id AND we.environment = n.id
        JOIN affine.evaluation_environment ee ON ee.evaluation = side.evaluation
             AND ee.environment = COALESCE(we.derived_from, we.environment)
        CROSS JOIN LATERAL unnest($3::bigint[]) WITH ORDINALITY AS wanted (task, place)
        JOIN affine.attempt a ON a.window_id = c.window_id AND a.evaluation = side.evaluation AND a.environment = ee.environment
             AND a.position = array_position(ee.task_ids, wanted.task) - 1 AND a.final
        LEFT JOIN affine.worker w ON w.id = a.worker
        LEFT JOIN affine.transcript t ON t.evaluation = side.evaluation AND t.environment = ee.environment
             AND t.position = a.position AND t.lease = a.lease
        WHERE c.id = $1
        ORDER BY wanted.place, side.word = 'challenger'
        """
    var contest: ContestID
    var environment: EnvironmentName
    var tasks: [TaskID]

    func bind(_ bindings: inout Bindings) {
        bindings.append(contest)
        bindings.append(environment)
        bindings.append(tasks)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> TaskAnswer {
        let environment: EnvironmentName = try row.next()
        let task: TaskID = try row.next()
        let side: String = try row.next()
        let outcome: String = try row.next()
        let score: Int64? = try row.next()
        return try TaskAnswer(
            environment: environment, task: task, side: side, outcome: Outcome(rawValue: outcome) ?? .infraFault,
            score: score.map(Score.init), attempt: row.next(), worker: row.next(), durationMS: row.next(),
            completionTokens: row.next(), errorCode: row.next(), errorDetail: row.next(), evidence: row.next(),
            transcript: TaskTranscript(reading: &row))
    }
}
