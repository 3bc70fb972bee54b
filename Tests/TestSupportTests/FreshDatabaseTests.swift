import Postgres
import Synchronization
import TestSupport
import Testing

private struct DatabaseName: Statement {
    static let sql = "SELECT current_database()::text"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

private struct Seeds: Statement {
    static let sql = "SELECT count(*) FROM seed"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

extension DatabaseTemplate {
    fileprivate static let seeded = DatabaseTemplate("seeded") { database in
        try await database.withSession { try $0.execute("CREATE TABLE seed AS SELECT 1 AS id") }
    }
}

@Suite(.freshDatabase(from: .seeded)) struct FreshDatabaseTests {
    private static let seen = Mutex<Set<String>>([])

    @Test("each case has a clone of the template that no other case touches", arguments: 1...4)
    func clones(number: Int) async throws {
        let database = FreshDatabase.current.database
        #expect(try await database.run(Seeds()) == [1])
        try await database.withSession { try $0.execute("INSERT INTO seed VALUES (2)") }
        let name = try #require(try await database.run(DatabaseName()).first)
        #expect(Self.seen.withLock { $0.insert(name).inserted })
    }
}
