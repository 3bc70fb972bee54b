import Postgres
import Synchronization
import TestSupport
import Testing

struct Sessions: Statement {
    static let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
    let application: String
    func bind(_ bindings: inout Bindings) { bindings.append(application) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Counts those who use a session at the same time.
private final class Usage: Sendable {
    private let state = Mutex((now: 0, most: 0, served: 0))

    func begin() {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }

    func end() {
        state.withLock { state in
            state.now -= 1
            state.served += 1
        }
    }

    var most: Int { state.withLock(\.most) }
    var served: Int { state.withLock(\.served) }
}

@Suite(.freshDatabase) struct PoolTests {
    @Test("no more sessions are open than the settings allow, and all who want one get one", arguments: [1, 3])
    func bound(maximum: Int) async throws {
        let fresh = FreshDatabase.current
        let usage = Usage()
        try await fresh.withPool(maximum: maximum, change: { $0.applicationName = "bound" }) { pool in
            try await withThrowingTaskGroup { group in
                for value in Int64(0)..<100 {
                    group.addTask {
                        try await pool.withSession { session in
                            usage.begin()
                            try #expect(session.run(Number(value: value)) == [value])
                            usage.end()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(usage.served == 100)
            #expect(usage.most <= maximum)
            let open = try await fresh.database.run(Sessions(application: "bound")).first ?? 0
            #expect((1...Int64(maximum)).contains(open))
        }
    }

    @Test("a closed pool refuses, those who wait and those who come later, and has no sessions left")
    func closing() async throws {
        let fresh = FreshDatabase.current
        var settings = fresh.settings()
        settings.maximumConnections = 1
        settings.applicationName = "closing"
        let pool = Database(settings, logger: FreshDatabase.logger)
        let inside = Barrier(2), leave = Barrier(2)
        try await withThrowingTaskGroup { group in
            group.addTask {
                // Begun before the pool was closed: it may finish.
                try await pool.withSession { session in
                    inside.arrive()
                    leave.arrive()
                    try #expect(session.run(Number(value: 1)) == [1])
                }
            }
            inside.arrive()
            group.addTask {
                let error = try await postgresError { _ = try await pool.run(Number(value: 2)) }
                #expect(error.code == .poolClosed)
            }
            group.addTask { await pool.close() }
            // Refused either way: while it waits, or because it came later.
            let error = try await postgresError { _ = try await pool.run(Number(value: 3)) }
            #expect(error.code == .poolClosed)
            leave.arrive()
            try await group.waitForAll()
        }
        while try await fresh.database.run(Sessions(application: "closing")) != [0] { await Task.yield() }
    }
}
