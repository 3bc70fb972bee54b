import Migrating
import Postgres
import TestSupport
import Testing

private struct Count: Statement {
    static let sql = "SELECT count(*) FROM shop.item"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct Role: Statement {
    static let sql = "SELECT current_setting('search_path')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

private struct Tables: Statement {
    static let sql = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('shop', 'affine_migrations')"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

@Suite(.freshDatabase) struct MigratorTests {
    private static let first = Migration(
        number: 1, name: "items", sql: "CREATE SCHEMA shop; CREATE TABLE shop.item (id int8 PRIMARY KEY)")
    private static let second = Migration(number: 2, name: "stock", sql: "INSERT INTO shop.item VALUES (1), (2)")
    private static let third = Migration(number: 3, name: "more", sql: "INSERT INTO shop.item VALUES (3)")

    private func migrate(_ migrations: [Migration]) async throws -> [Int] {
        try await Migrator(migrations: migrations, logger: FreshDatabase.logger)
            .migrate(FreshDatabase.current.database).map(\.number)
    }

    private func refusal(_ migrations: [Migration]) async throws -> MigrationError {
        let error = await #expect(throws: MigrationError.self) { _ = try await migrate(migrations) }
        return try #require(error)
    }

    @Test("what is pending is applied in order, once")
    func pending() async throws {
        #expect(try await migrate([Self.second, Self.first]) == [1, 2])
        #expect(try await migrate([Self.first, Self.second]) == [])
        #expect(try await migrate([Self.first, Self.second, Self.third]) == [3])
        #expect(try await FreshDatabase.current.database.run(Count()) == [3])
    }

    @Test("several that migrate at once apply each migration once")
    func atOnce() async throws {
        let applied = try await withThrowingTaskGroup { group in
            for _ in 0..<6 { group.addTask { try await migrate([Self.first, Self.second, Self.third]) } }
            var all: [Int] = []
            for try await numbers in group { all += numbers }
            return all
        }
        #expect(applied.sorted() == [1, 2, 3])
        #expect(try await FreshDatabase.current.database.run(Count()) == [3])
    }

    @Test("a changed migration is refused by number and name, with both checksums")
    func changed() async throws {
        _ = try await migrate([Self.first, Self.second])
        let edited = Migration(number: 2, name: "stock", sql: Self.second.sql + ";")
        let error = try await refusal([Self.first, edited, Self.third])
        #expect(error.code == .changed && error.number == 2 && error.name == "stock")
        #expect(error.expected.contains("stock") && error.found.contains("stock") && error.expected != error.found)
        // SHA-256 of "INSERT INTO shop.item VALUES (1), (2)", as sha256sum prints it.
        #expect(
            error.expected.hasPrefix(
                "a94fbd9746043bd638bb34a619a8cb7fd6d8379d72866d12c836b1045049ca38"))
        #expect(try await FreshDatabase.current.database.run(Count()) == [2])
    }

    @Test("a missing migration, a renamed one and one added too late are refused by name")
    func missing() async throws {
        _ = try await migrate([Self.first, Self.third])
        let gone = try await refusal([Self.third])
        #expect(gone.code == .missing && gone.number == 1 && gone.name == "items")
        let renamed = try await refusal([Migration(number: 1, name: "things", sql: Self.first.sql), Self.third])
        #expect(renamed.code == .changed && renamed.description.contains("things"))
        let late = try await refusal([Self.first, Self.second, Self.third])
        #expect(late.code == .addedTooLate && late.number == 2 && late.name == "stock")
        #expect(try await FreshDatabase.current.database.run(Count()) == [1])
    }

    @Test("a database that is newer than the program is refused")
    func newer() async throws {
        _ = try await migrate([Self.first, Self.second])
        let error = try await refusal([Self.first])
        #expect(error.code == .databaseIsNewer && error.number == 2 && error.name == "stock")
    }

    @Test("a migration that fails leaves nothing behind, and those before it stay")
    func failing() async throws {
        let broken = Migration(
            number: 2, name: "broken", sql: "INSERT INTO shop.item VALUES (9); INSERT INTO shop.nowhere VALUES (1)")
        let error = await #expect(throws: PostgresError.self) { _ = try await migrate([Self.first, broken]) }
        #expect(error?.sqlState == "42P01")
        #expect(try await FreshDatabase.current.database.run(Count()) == [0])
        #expect(try await migrate([Self.first, Self.second]) == [2])
    }

    @Test("a migration that ends its own transaction is refused by name")
    func leavesTransaction() async throws {
        let rogue = Migration(number: 2, name: "rogue", sql: "COMMIT; BEGIN")
        let error = try await refusal([Self.first, rogue])
        #expect(error.code == .leftTransaction && error.name == "rogue")
    }

    @Test("settings that a migration changes do not reach the pool's next user")
    func settingsStayInside() async throws {
        let migration = Migration(number: 1, name: "path", sql: "SET search_path = pg_catalog")
        #expect(try await migrate([migration]) == [1])
        #expect(try await FreshDatabase.current.database.run(Role()) == ["\"$user\", public"])
    }

    @Test("the status of an untouched, a current, an edited and a newer database")
    func status() async throws {
        let database = FreshDatabase.current.database
        let all = Migrator(migrations: [Self.first, Self.second], logger: FreshDatabase.logger)
        #expect(try await all.status(database).map(\.state) == [.pending, .pending])
        #expect(try await database.run(Tables()) == [0])
        try await all.migrate(database)
        for status in try await all.status(database) {
            guard case .applied = status.state else {
                Issue.record("\(status)")
                continue
            }
        }
        let edited = Migration(number: 1, name: "items", sql: "")
        let other = try await Migrator(migrations: [edited, Self.third], logger: FreshDatabase.logger).status(database)
        #expect(other.map(\.number) == [1, 2, 3])
        guard case .changed(_, let found) = other[0].state else {
            Issue.record("\(other[0])")
            return
        }
        // The checksum of nothing is well known.
        #expect(found == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(other[1].state == .unknown && other[2].state == .pending)
    }

    @Test("a reset drops the schemas and the memory, and all can be applied again")
    func reset() async throws {
        let database = FreshDatabase.current.database
        let migrator = Migrator(migrations: [Self.first, Self.second], logger: FreshDatabase.logger)
        try await migrator.migrate(database)
        try await migrator.reset(database, schemas: ["shop", "never there"])
        #expect(try await database.run(Tables()) == [0])
        #expect(try await migrator.migrate(database).count == 2)
    }
}
