import Glibc
import Postgres
import TestSupport
import Testing

@Suite(.freshDatabase) struct FailureTests {
    @Test("a cancelled task is free at once, its statement ends on the server and the pool heals")
    func cancellation() async throws {
        let fresh = FreshDatabase.current
        try await fresh.withPool(maximum: 1) { pool in
            let before = try await pool.run(BackendID())
            let start = ContinuousClock.now
            let error = try await postgresError {
                try await withThrowingTaskGroup { group in
                    group.addTask { _ = try await pool.run(Sleep()) }
                    try await fresh.untilRunning("%pg_sleep(60)%")
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            #expect(error.code == .cancelled)
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await fresh.database.run(Running(pattern: "%pg_sleep(60)%")) == [0])
            // The cancel may arrive late, so the session is not used again.
            #expect(try await pool.run(BackendID()) != before)
        }
    }

    @Test("a cancelled task is free even when neither the server nor the network answers any more")
    func cancelledInTheVoid() async throws {
        let fresh = FreshDatabase.current
        var settings = fresh.settings()
        settings.maximumConnections = 1
        settings.cancelPatience = .milliseconds(50)
        let pool = Database(settings, logger: FreshDatabase.logger)
        let backend = try #require(try await pool.run(BackendID()).first)
        let error = try await postgresError {
            try await withThrowingTaskGroup { group in
                group.addTask { _ = try await pool.run(Sleep()) }
                try await fresh.untilRunning("%pg_sleep(60)%")
                // A stopped process keeps its connection, as a machine does that the network lost.
                try #require(kill(backend, SIGSTOP) == 0)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        kill(backend, SIGCONT)
        #expect(error.code == .cancelled)
        #expect(try await pool.run(BackendID()) != [backend])
        await pool.close()
    }

    @Test("after a cancellation the closure can run no further statement, and its transaction is rolled back")
    func cancelledTransaction() async throws {
        let fresh = FreshDatabase.current
        try await fresh.database.withSession { try $0.execute("CREATE TABLE note (id int8)") }
        try await fresh.withPool { pool in
            let error = try await postgresError {
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        try await pool.transaction { session in
                            try session.execute("INSERT INTO note VALUES (1)")
                            _ = try? session.run(Sleep())
                            try session.execute("SELECT 1")
                        }
                    }
                    try await fresh.untilRunning("%pg_sleep(60)%")
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            #expect(error.code == .cancelled)
            #expect(try await pool.run(ReadNote()) == [])
        }
    }

    @Test("a task that waits for a session stops waiting when it is cancelled")
    func cancelledWait() async throws {
        try await FreshDatabase.current.withPool(maximum: 1) { pool in
            let inside = Barrier(2), leave = Barrier(2)
            try await withThrowingTaskGroup { group in
                group.addTask {
                    try await pool.withSession { _ in
                        inside.arrive()
                        leave.arrive()
                    }
                }
                inside.arrive()
                let error = try await postgresError {
                    try await withThrowingTaskGroup { waiting in
                        waiting.addTask { _ = try await pool.run(Number(value: 1)) }
                        waiting.cancelAll()
                        try await waiting.waitForAll()
                    }
                }
                #expect(error.code == .cancelled)
                leave.arrive()
                try await group.waitForAll()
            }
            #expect(try await pool.run(Number(value: 2)) == [2])
        }
    }

    @Test("a statement that takes too long is ended by the server, and the session lives on")
    func statementTimeout() async throws {
        try await FreshDatabase.current.withPool(maximum: 1, change: { $0.statementTimeout = .milliseconds(50) }) {
            pool in
            let before = try await pool.run(BackendID())
            let error = try await postgresError { _ = try await pool.run(Sleep()) }
            #expect(error.code == .timedOut && error.statement == "Sleep" && error.sqlState == "57014")
            #expect(try await pool.run(BackendID()) == before)
        }
    }

    @Test("a session killed under its statement is a lost connection, and the pool heals")
    func killedInUse() async throws {
        let fresh = FreshDatabase.current
        try await fresh.withPool(maximum: 1) { pool in
            let backend = try #require(try await pool.run(BackendID()).first)
            let error = try await postgresError {
                try await withThrowingTaskGroup { group in
                    group.addTask { _ = try await pool.run(Sleep()) }
                    try await fresh.untilRunning("%pg_sleep(60)%")
                    #expect(try await fresh.database.run(Terminate(backend: backend)) == [true])
                    try await group.waitForAll()
                }
            }
            #expect(error.code == .connectionLost && error.isRetryable)
            #expect(try await pool.run(Number(value: 3)) == [3])
        }
    }

    @Test("a session killed while idle is replaced before anybody notices")
    func killedIdle() async throws {
        let fresh = FreshDatabase.current
        try await fresh.withPool(maximum: 1) { pool in
            for _ in 0..<5 {
                let backend = try #require(try await pool.run(BackendID()).first)
                #expect(try await fresh.database.run(Terminate(backend: backend)) == [true])
                while try await fresh.database.run(Alive(backend: backend)) == [true] { await Task.yield() }
                #expect(try await pool.run(Number(value: 4)) == [4])
            }
        }
    }

    @Test("connecting to nothing is an error that names the place, and no secret")
    func nothingThere() async throws {
        let settings = DatabaseSettings(url: "postgresql://ada:hunter2@/affine?host=/nowhere&port=6543")
        let pool = Database(settings, logger: FreshDatabase.logger)
        let error = try await postgresError { _ = try await pool.run(Number(value: 1)) }
        #expect(error.code == .connectionFailed && error.isRetryable)
        #expect(error.message.contains("host=/nowhere port=6543 dbname=affine"))
        #expect(!error.debugDescription.contains("hunter2"))
        await pool.close()
    }

    @Test("an unreadable connection string is refused without being quoted")
    func unreadable() async throws {
        let pool = Database(DatabaseSettings(url: "postgres//ada:hunter2@host/db"), logger: FreshDatabase.logger)
        let error = try await postgresError { _ = try await pool.run(Number(value: 1)) }
        #expect(error.code == .invalidSettings && !error.isRetryable)
        #expect(!error.debugDescription.contains("hunter2"))
        await pool.close()
    }
}

struct Alive: Statement {
    static let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
    let backend: Int32
    func bind(_ bindings: inout Bindings) { bindings.append(backend) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}
