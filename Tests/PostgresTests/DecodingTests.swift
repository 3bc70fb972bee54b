import Postgres
import TestSupport
import Testing

struct NarrowInteger: Statement {
    static let sql = "SELECT 5::int8 AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

struct TextAsNumber: Statement {
    static let sql = "SELECT '5'::text AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct ArrayOfOther: Statement {
    static let sql = "SELECT ARRAY[1,2]::int4[] AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> [Int64] { try row.next() }
}

struct UnexpectedNull: Statement {
    static let sql = "SELECT NULL::int8 AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct NullInArray: Statement {
    static let sql = "SELECT ARRAY[1, NULL]::int8[] AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> [Int64] { try row.next() }
}

struct TwoDimensions: Statement {
    static let sql = "SELECT ARRAY[[1, 2], [3, 4]]::int8[] AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> [Int64] { try row.next() }
}

struct TooFewColumns: Statement {
    static let sql = "SELECT 1::int8 AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 {
        _ = try row.next(Int64.self)
        return try row.next()
    }
}

struct NoSuchColour: Statement {
    static let sql = "SELECT 'mauve' AS answer"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Colour { try row.next() }
}

struct Textual: Statement {
    static let sql = """
        SELECT 'a'::text, 'b'::varchar(9), 'c'::name, 'd'::bpchar(2), '{"e":1}'::json, '{"f": 2}'::jsonb, 'g', NULL::jsonb,
            'h'::shout
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> [String?] {
        var texts: [String?] = []
        for _ in 0..<9 { texts.append(try row.next(String?.self)) }
        return texts
    }
}

@Suite(.freshDatabase) struct DecodingTests {
    private func check<S: Statement>(_ statement: S, _ problem: String) async throws {
        let error = try await postgresError { _ = try await FreshDatabase.current.database.run(statement) }
        #expect(error.code == .decoding)
        #expect(error.statement == S.name)
        #expect(error.message.contains(problem), "\(error.message)")
        // A column that cannot be read is the statement's fault, not the session's.
        #expect(try await FreshDatabase.current.database.run(Number(value: 1)) == [1])
    }

    @Test("a column of another type than the Swift type's is an error that names both")
    func otherType() async throws {
        try await check(NarrowInteger(), "column 1 'answer' is int8, which cannot be read as Int32")
        try await check(TextAsNumber(), "column 1 'answer' is text, which cannot be read as Int64")
        try await check(ArrayOfOther(), "column 1 'answer' is int4[], which cannot be read as Array<Int64>")
    }

    @Test("NULL is refused where the Swift type has no place for it")
    func nullRefused() async throws {
        try await check(UnexpectedNull(), "column 1 'answer' is NULL, which Int64 cannot hold")
        try await check(NullInArray(), "NULL in an array of Int64")
    }

    @Test("shapes that do not fit are errors, not wrong values")
    func wrongShape() async throws {
        try await check(TwoDimensions(), "an array of 2 dimensions")
        try await check(TooFewColumns(), "column 2 was asked for, there are 1")
        try await check(NoSuchColour(), "not a value of Colour")
    }

    @Test("textual types, JSON and a domain over text are read as strings")
    func textual() async throws {
        try await FreshDatabase.current.database.withSession { session in
            try session.execute("CREATE DOMAIN shout AS text")
            let rows = try session.run(Textual())
            #expect(rows == [["a", "b", "c", "d ", "{\"e\":1}", "{\"f\": 2}", "g", nil, "h"]])
        }
    }
}
