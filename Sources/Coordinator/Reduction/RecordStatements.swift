internal import Domain
internal import Postgres
internal import Records

/// The environments that a window's contests are decided in.
struct FindSlates: Statement {
    static let sql = "SELECT environment FROM affine.window_environment WHERE window_id = $1"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int16 { try row.next() }
}

/// One environment's slate: the answer is held whole while it is read, which for all of a large contest would be too much.
struct LoadSlate: Statement {
    static let sql = """
        SELECT we.environment, n.name, we.derived_from IS NOT NULL, array_agg(t.task_id ORDER BY t.slate_position)
        FROM affine.window_environment we
        JOIN affine.environment n ON n.id = we.environment
        JOIN affine.window_task t ON t.window_id = we.window_id AND t.environment = COALESCE(we.derived_from, we.environment)
        WHERE we.window_id = $1 AND we.environment = $2 AND t.slate_position IS NOT NULL
        GROUP BY we.environment, n.name, we.derived_from
        """
    var window: WindowID
    var environment: Int16

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(environment)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SlateEnvironment {
        try SlateEnvironment(id: row.next(), name: row.next(), isDerived: row.next(), tasks: row.next())
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
struct JobResults: Sendable {
    var environment: Int16
    var scored: [Int32]
    var scores: [Int64]
    /// Results without a score, and scores of a derived environment whose tokens nobody counted.
    var unscored: [Int32]
    var outcomes: [String]

    init(reading row: inout RowReader) throws(PostgresError) {
        environment = try row.next()
        scored = try row.next()
        scores = try row.next()
        unscored = try row.next()
        outcomes = try row.next()
    }
}

/// Which results are read at once.
struct ResultPage: Sendable {
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
}

/// Row: which of the histories that a database can go on from its backups and standbys this is.
struct FindTimeline: Statement {
    static let sql = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

/// Of environments with jobs of their own.
struct LoadResults: Statement {
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
    var page: ResultPage
    func bind(_ bindings: inout Bindings) { page.bind(&bindings) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> JobResults { try JobResults(reading: &row) }
}

/// Of derived environments.
struct LoadDerivedResults: Statement {
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
    var page: ResultPage
    func bind(_ bindings: inout Bindings) { page.bind(&bindings) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> JobResults { try JobResults(reading: &row) }
}
