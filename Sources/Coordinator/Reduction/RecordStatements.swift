internal import Domain
internal import Postgres
internal import Records

struct LoadSlate: Statement {
    static let sql = """
        SELECT t.environment, n.name, array_agg(t.task_id ORDER BY t.slate_position)
        FROM affine.window_task t
        JOIN affine.environment n ON n.id = t.environment
        WHERE t.window_id = $1 AND t.slate_position IS NOT NULL
        GROUP BY t.environment, n.name
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SlateEnvironment {
        try SlateEnvironment(id: row.next(), name: row.next(), tasks: row.next())
    }
}

/// An evaluation's jobs: per environment the task of each position.
struct LoadJobs: Statement {
    struct Jobs: Sendable {
        var environment: Int16
        var tasks: [TaskID]
    }

    static let sql = """
        SELECT environment, task_ids FROM affine.evaluation_environment WHERE evaluation = $1 AND environment = ANY ($2)
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
        var unscored: [Int32]
        var outcomes: [String]
    }

    static let sql = """
        SELECT a.environment,
               COALESCE(array_agg(a.position) FILTER (WHERE a.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(a.score_nano) FILTER (WHERE a.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(a.position) FILTER (WHERE a.score_nano IS NULL), '{}'),
               COALESCE(array_agg(a.outcome::text) FILTER (WHERE a.score_nano IS NULL), '{}')
        FROM affine.attempt a
        WHERE a.window_id = $1 AND a.evaluation = $2 AND a.environment = ANY ($3)
          AND a.position >= $4 AND a.position < $5 AND a.final
        GROUP BY a.environment
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
