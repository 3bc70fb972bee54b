import Postgres
import TestSupport
import Testing

struct PreparedNames: Statement {
    static let sql = "SELECT name FROM pg_prepared_statements ORDER BY prepare_time"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

struct ReadNote: Statement {
    static let sql = "SELECT * FROM note"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct AddNote: Statement {
    static let sql = "INSERT INTO note (id, state, body) SELECT id, $2::state, $3::jsonb FROM unnest($1) AS id"
    let ids: [Int64], state: Colour, body: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(ids)
        bindings.append(state)
        bindings.append(body)
    }
}

struct Divide: Statement {
    static let sql = "SELECT ($1::text)::int8"
    let secret: String
    func bind(_ bindings: inout Bindings) { bindings.append(secret) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

@Suite(.freshDatabase) struct SessionTests {
    @Test("a statement is prepared once per session, under its name")
    func preparedOnce() async throws {
        try await FreshDatabase.current.database.withSession { session in
            for value in Int64(0)..<3 { try session.run(Number(value: value)) }
            try session.run(BackendID())
            try #expect(session.run(PreparedNames()) == ["Number", "BackendID", "PreparedNames"])
        }
    }

    @Test("behind a pooler in transaction mode nothing is prepared by name and nothing set for the session")
    func unnamed() async throws {
        try await FreshDatabase.current.withPool(change: { $0.ownsServerSession = false }) { pool in
            try await pool.withSession { session in
                try #expect(session.run(Number(value: 7)) == [7])
                try #expect(session.run(PreparedNames()) == [])
                try #expect(session.run(Setting()) == ["0"])
            }
            #expect(try await pool.transaction { try $0.run(Setting()) } == ["30s"])
        }
    }

    @Test("a parameter can be cast to any type in the SQL")
    func castParameters() async throws {
        try await FreshDatabase.current.database.withSession { session in
            try session.execute(
                "CREATE TYPE state AS ENUM ('red', 'green'); CREATE TABLE note (id int8, state state, body jsonb)")
            let added = try session.affectedRows(AddNote(ids: [1, 2, 3], state: .green, body: "{\"a\": [1]}"))
            #expect(added == 3)
        }
    }

    @Test("a result that changed its shape costs one error and the session, no more")
    func stalePlan() async throws {
        try await FreshDatabase.current.withPool(maximum: 1) { pool in
            try await pool.withSession { try $0.execute("CREATE TABLE note (id int8); INSERT INTO note VALUES (1)") }
            #expect(try await pool.run(ReadNote()) == [1])
            let before = try await pool.run(BackendID())
            try await FreshDatabase.current.database.withSession { session in
                try session.execute("ALTER TABLE note ADD COLUMN more text")
            }
            let error = try await postgresError { _ = try await pool.run(ReadNote()) }
            #expect(error.isRetryable)
            #expect(try await pool.run(ReadNote()) == [1])
            #expect(try await pool.run(BackendID()) != before)
        }
    }

    @Test("a description names statement and code but neither parameters nor values of rows")
    func descriptionsHideValues() async throws {
        let invalid = try await postgresError {
            _ = try await FreshDatabase.current.database.run(Divide(secret: "hunter2"))
        }
        #expect(invalid.sqlState == "22P02")
        #expect(invalid.description == "serverError in Divide [22P02]: a value was not acceptable")
        #expect(invalid.debugDescription.contains("hunter2"))

        let duplicate = try await postgresError {
            try await FreshDatabase.current.database.withSession { session in
                try session.execute("CREATE TABLE key (word text CONSTRAINT one_word PRIMARY KEY)")
                try session.execute("INSERT INTO key VALUES ('hunter2'), ('hunter2')")
            }
        }
        #expect(duplicate.constraint == "one_word")
        #expect(!duplicate.description.contains("hunter2") && duplicate.description.contains("one_word"))
        #expect(duplicate.detail?.contains("hunter2") == true)
    }

    @Test("describing a statement finds a column that is not there, without running it")
    func describe() async throws {
        try await FreshDatabase.current.database.withSession { session in
            let shape = try session.describe(Number.self)
            #expect(shape.columns.count == 1 && shape.parameters.count == 1)
            #expect(throws: PostgresError.self) { try session.describe(ReadNote.self) }
        }
    }
}

struct Setting: Statement {
    static let sql = "SELECT current_setting('statement_timeout')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
