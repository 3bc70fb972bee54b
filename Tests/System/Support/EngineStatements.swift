import Postgres

struct ListLoads: Statement {
    static let sql = "SELECT model || ' on ' || host || ': ' || is_served FROM ops.model_load ORDER BY id"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

/// Whose model each result counts for, and whose answered.
struct ListCredits: Statement {
    static let sql = """
        SELECT e.model, d.model FROM affine.attempt a JOIN affine.evaluation e ON e.id = a.evaluation
        JOIN affine.deployment d ON d.id = a.deployment
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (evaluated: String, served: String) {
        try (row.next(), row.next())
    }
}
