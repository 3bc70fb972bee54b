import Postgres
import TestSupport
import Testing

/// Rows of one text column that a test asks for, through a function that the stage adds to the database.
private struct Rows: Statement {
    static let sql = "SELECT COALESCE(row, 'null') FROM public.test_rows($1) AS row"
    let query: String
    func bind(_ bindings: inout Bindings) { bindings.append(query) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

extension Database {
    static let rowsFunction = """
        CREATE FUNCTION public.test_rows(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
        BEGIN RETURN QUERY EXECUTE 'SELECT one::text FROM (' || query || ') AS asked (one)'; END $$
        """

    /// The only column of every row, as text.
    func column(_ query: String) async throws -> [String] { try await run(Rows(query: query)) }

    /// The only column of the only row, as text.
    func value(_ query: String) async throws -> String { try #require(try await column(query).first) }

    func execute(_ sql: String) async throws { try await withSession { try $0.execute(sql) } }

    /// The code with which the server refuses some SQL; `nil`, and a recorded issue, when it does not.
    func refusal(_ sql: String, sourceLocation: SourceLocation = #_sourceLocation) async -> PostgresError? {
        await #expect(throws: PostgresError.self, "\(sql) was not refused", sourceLocation: sourceLocation) {
            try await execute(sql)
        }
    }
}
