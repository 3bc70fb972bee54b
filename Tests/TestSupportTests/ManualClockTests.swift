import Postgres
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ManualClockTests {
    @Test("sleepers wake in the order of their deadlines, and not before")
    func wakes() async throws {
        let clock = ManualClock()
        let (stream, woken) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup { group in
            for seconds in [30, 10, 20] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    woken.yield(seconds)
                }
            }
            await clock.untilSomeoneSleeps(count: 3)
            var iterator = stream.makeAsyncIterator()
            for expected in [10, 20, 30] {
                clock.advance(by: .seconds(10))
                let seconds = await iterator.next(isolation: #isolation)
                #expect(seconds == expected)
            }
            try await group.waitForAll()
        }
    }

    @Test("a sleep that is over, or whose task is cancelled, returns without the clock moving")
    func returnsAtOnce() async throws {
        let clock = ManualClock()
        try await clock.sleep(until: clock.now)
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup { group in
                group.addTask { try await clock.sleep(for: .seconds(1)) }
                await clock.untilSomeoneSleeps()
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }
}

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
