import Postgres
import TestSupport
import Testing

struct Balance: Statement {
    static let sql = "SELECT amount FROM account WHERE id = $1"
    let id: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(id) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct Deposit: Statement {
    static let sql = "UPDATE account SET amount = amount + $2 WHERE id = $1"
    let id: Int64, amount: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(id)
        bindings.append(amount)
    }
}

private struct Regret: Error {}

@Suite(.freshDatabase) struct TransactionTests {
    private func prepare() async throws -> Database {
        let database = FreshDatabase.current.database
        try await database.withSession { session in
            try session.execute(
                "CREATE TABLE account (id int8 PRIMARY KEY, amount int8); INSERT INTO account VALUES (1, 0), (2, 0)")
        }
        return database
    }

    @Test func whatReturnsIsCommitted() async throws {
        let database = try await prepare()
        try await database.transaction { _ = try $0.run(Deposit(id: 1, amount: 5)) }
        #expect(try await database.run(Balance(id: 1)) == [5])
    }

    @Test func whatThrowsIsRolledBack() async throws {
        let database = try await prepare()
        await #expect(throws: Regret.self) {
            try await database.transaction { session in
                try session.run(Deposit(id: 1, amount: 5))
                throw Regret()
            }
        }
        #expect(try await database.run(Balance(id: 1)) == [0])
    }

    @Test("a statement that failed fails its transaction even when its error was caught")
    func caughtErrors() async throws {
        let database = try await prepare()
        let error = try await postgresError {
            try await database.transaction { session in
                try session.run(Deposit(id: 1, amount: 5))
                _ = try? session.execute("SELECT 1/0")
            }
        }
        #expect(error.sqlState == "25P02")
        #expect(try await database.run(Balance(id: 1)) == [0])
    }

    @Test("a transaction left open by a session's user is rolled back")
    func leftOpen() async throws {
        let database = try await prepare()
        try await database.withSession { session in
            try session.execute("BEGIN")
            try session.run(Deposit(id: 1, amount: 5))
        }
        #expect(try await database.run(Balance(id: 1)) == [0])
    }

    @Test("a serialization failure runs the transaction again, and no update is lost")
    func serializationFailure() async throws {
        let database = try await prepare()
        let runs = Counter()
        let snapshotTaken = Barrier(2), otherCommitted = Barrier(2)
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await database.transaction(.repeatableRead) { session in
                    let amount = try session.run(Balance(id: 1)).first ?? 0
                    runs.increment()
                    snapshotTaken.arrive()
                    otherCommitted.arrive()
                    try session.run(Deposit(id: 1, amount: amount + 1))
                }
            }
            group.addTask {
                try await database.withSession { session in
                    snapshotTaken.arrive()
                    try session.run(Deposit(id: 1, amount: 100))
                    otherCommitted.arrive()
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 2)
        #expect(try await database.run(Balance(id: 1)) == [201])
    }

    @Test(
        "a row that another transaction inserted unseen runs a serializable transaction again; one of its own is an error"
    )
    func uniqueViolation() async throws {
        let database = try await prepare()
        let runs = Counter()
        let snapshotTaken = Barrier(2), otherCommitted = Barrier(2)
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await database.transaction(.serializable) { session in
                    let isThere = try session.run(Balance(id: 1)).first == 1
                    runs.increment()
                    snapshotTaken.arrive()
                    otherCommitted.arrive()
                    if !isThere { try session.execute("INSERT INTO account VALUES (3, 0)") }
                }
            }
            group.addTask {
                try await database.withSession { session in
                    snapshotTaken.arrive()
                    try session.execute("INSERT INTO account VALUES (3, 7); UPDATE account SET amount = 1 WHERE id = 1")
                    otherCommitted.arrive()
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 2)
        #expect(try await database.run(Balance(id: 3)) == [7])
        let error = try await postgresError {
            try await database.transaction(.serializable) { try $0.execute("INSERT INTO account VALUES (3, 0)") }
        }
        #expect(error.sqlState == "23505")
    }

    @Test("a deadlock runs its victim again")
    func deadlock() async throws {
        let database = try await prepare()
        let runs = Counter()
        let barrier = Barrier(2)
        try await withThrowingTaskGroup { group in
            for (first, second) in [(Int64(1), Int64(2)), (2, 1)] {
                group.addTask {
                    try await database.transaction { session in
                        runs.increment()
                        try session.run(Deposit(id: first, amount: 1))
                        barrier.arrive()
                        try session.run(Deposit(id: second, amount: 1))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 3)
        #expect(try await database.run(Balance(id: 1)) == [2])
        #expect(try await database.run(Balance(id: 2)) == [2])
    }
}
