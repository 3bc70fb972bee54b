internal import Domain
internal import Postgres
internal import Records

/// How an evaluation ended.
enum EvaluationEnd: String {
    case complete, cancelled
}

/// One environment's jobs in an evaluation.
struct PlannedJobs: Sendable {
    var environment: Int16
    /// In the order they run.
    var tasks: [TaskID]
    /// How many of them are wanted at once; the rest are spare.
    var planned: Int
    /// Environments of a lower turn run first; those of the same turn run side by side.
    var turn = 0
}

extension Arena {
    /// Plans each environment's jobs, then puts all of them into the queue.
    func plan(
        _ evaluation: InsertEvaluation, jobs: [PlannedJobs], in session: inout Session
    ) throws -> EvaluationID {
        guard let id = try session.run(evaluation).first else {
            throw PostgresError(.decoding, "inserting an evaluation returned no row")
        }
        for jobs in jobs {
            _ = try session.run(InsertJobs(evaluation: id, jobs: jobs))
        }
        _ = try session.run(Enqueue(evaluation: id))
        return id
    }

    /// Ends an evaluation: nothing of it can be claimed any more, and late reports are refused.
    func end(_ evaluation: EvaluationID, state: EvaluationEnd, reason: String, in session: inout Session) throws {
        _ = try session.run(EndEvaluation(evaluation: evaluation, state: state.rawValue, reason: reason))
    }
}

/// A miner's next round in a window; model and revision are those it committed.
struct InsertEvaluation: Statement {
    static let sql = """
        INSERT INTO affine.evaluation (window_id, hotkey, model, revision, round, deadline_at, planned_ahead)
        SELECT $1, m.hotkey, c.model, c.revision,
               (SELECT 1 + COALESCE(max(round), 0) FROM affine.evaluation WHERE window_id = $1 AND hotkey = $2),
               clock_timestamp() + make_interval(secs => $3::float8), $4
        FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment WHERE m.hotkey = $2
        RETURNING id
        """
    var window: WindowID
    var hotkey: Hotkey
    var deadline: Duration
    /// Whether no contest waits for it yet.
    var isAhead = false

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(hotkey)
        bindings.append(deadline / .seconds(1))
        bindings.append(isAhead)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> EvaluationID { try row.next() }
}

private struct InsertJobs: Statement {
    static let sql = """
        INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned, turn) VALUES ($1, $2, $3, $4, $5)
        """
    var evaluation: EvaluationID
    var jobs: PlannedJobs

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(jobs.environment)
        bindings.append(jobs.tasks.map(\.rawValue))
        bindings.append(Int32(jobs.planned))
        bindings.append(Int16(jobs.turn))
    }
}

/// Puts an evaluation's planned jobs into the queue, all of them or one environment's from a position on.
struct Enqueue: Statement {
    static let sql = "SELECT affine.enqueue($1, $2, $3)"
    var evaluation: EvaluationID
    var environment: Int16?
    var firstPosition: Int32 = 0

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(environment)
        bindings.append(firstPosition)
    }
}

private struct EndEvaluation: Statement {
    static let sql = "SELECT affine.end_evaluation($1, $2, $3)"
    var evaluation: EvaluationID
    var state: String
    var reason: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(state)
        bindings.append(reason)
    }
}

/// Clears the queue of what ended; a step's transaction must not, since it would collide with every worker that settles.
struct RevokeEnded: Statement {
    static let sql = "SELECT affine.revoke_ended()"
}
