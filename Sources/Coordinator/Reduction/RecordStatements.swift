internal import Domain
internal import Postgres
internal import Records

struct LoadSlate: Statement {
    static let sql = """
        SELECT we.environment, n.name, array_agg(t.task_id ORDER BY t.slate_position)
        FROM affine.window_environment we
        JOIN affine.environment n ON n.id = we.environment
        JOIN affine.window_task t ON t.window_id = we.window_id AND t.environment = COALESCE(we.derived_from, we.environment)
        WHERE we.window_id = $1 AND t.slate_position IS NOT NULL
        GROUP BY we.environment, n.name
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SlateEnvironment {
        try SlateEnvironment(id: row.next(), name: row.next(), tasks: row.next())
    }
}

/// An evaluation's jobs: per environment the task of each position. A derived environment has those of its source.
struct LoadJobs: Statement {
    struct Jobs: Sendable {
        var environment: Int16
        var tasks: [TaskID]
    }

    static let sql = """
        SELECT we.environment, ee.task_ids
        FROM affine.evaluation e
        JOIN affine.window_environment we ON we.window_id = e.window_id
        JOIN affine.evaluation_environment ee ON ee.evaluation = e.id AND ee.environment = COALESCE(we.derived_from, we.environment)
        WHERE e.id = $1 AND we.environment = ANY ($2)
        """
    var evaluation: EvaluationID
    var environments: [Int16]

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(environments)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Jobs {
        try Jobs(environment: row.next(), tasks: row.next())
    }
}

/// Per environment the final results of a range of job positions.
struct LoadResults: Statement {
    struct Results: Sendable {
        var environment: Int16
        var scored: [Int32]
        var scores: [Int64]
        /// Results without a score, and scores of a derived environment whose tokens nobody counted.
        var unscored: [Int32]
        var outcomes: [String]
    }

    static let sql = """
        SELECT r.environment,
               COALESCE(array_agg(r.position) FILTER (WHERE r.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(r.score_nano) FILTER (WHERE r.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(r.position) FILTER (WHERE r.score_nano IS NULL), '{}'),
               COALESCE(array_agg(r.outcome::text) FILTER (WHERE r.score_nano IS NULL), '{}')
        FROM affine.result r
        WHERE r.window_id = $1 AND r.evaluation = $2 AND r.environment = ANY ($3) AND r.position >= $4 AND r.position < $5
        GROUP BY r.environment
        """
    var window: WindowID
    var evaluation: EvaluationID
    var environments: [Int16]
    var positions: Range<Int>

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(evaluation)
        bindings.append(environments)
        bindings.append(Int32(positions.lowerBound))
        bindings.append(Int32(positions.upperBound))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Results {
        try Results(
            environment: row.next(), scored: row.next(), scores: row.next(), unscored: row.next(),
            outcomes: row.next())
    }
}
