import Postgres
import TestSupport
import Testing

struct Notify: Statement {
    static let sql = "SELECT pg_notify($1, $2)"
    let channel: String, payload: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(channel)
        bindings.append(payload)
    }
}

struct Listeners: Statement {
    static let sql = """
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'listener'
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

@Suite(.freshDatabase, .timeLimit(.minutes(10))) struct ListenerTests {
    @Test("a notification reaches every subscriber, also after the listener's session was killed")
    func notifications() async throws {
        let fresh = FreshDatabase.current
        var settings = fresh.settings()
        settings.applicationName = "listener"
        let listener = NotificationListener(
            settings, channels: ["Odd \"name\"", "other"], logger: FreshDatabase.logger)
        let streams = [listener.events(), listener.events()]
        try await withThrowingTaskGroup { group in
            group.addTask { try await listener.run() }
            var iterators = streams.map { $0.makeAsyncIterator() }
            for round in 1...3 {
                for index in iterators.indices {
                    let event = await iterators[index].next(isolation: #isolation)
                    #expect(event == .listening)
                }
                let sent = ListenerEvent.notified(channel: "Odd \"name\"", payload: "é\(round)")
                try await fresh.database.run(Notify(channel: "Odd \"name\"", payload: "é\(round)"))
                for index in iterators.indices {
                    let event = await iterators[index].next(isolation: #isolation)
                    #expect(event == sent)
                }
                let backend = try #require(try await fresh.database.run(Listeners()).first)
                #expect(try await fresh.database.run(Terminate(backend: backend)) == [true])
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test("streams end when the listener ends, and one that is asked for later is empty")
    func ending() async throws {
        let listener = NotificationListener(
            FreshDatabase.current.settings(), channels: ["c"], logger: FreshDatabase.logger)
        var events = listener.events().makeAsyncIterator()
        try await withThrowingTaskGroup { group in
            group.addTask { try await listener.run() }
            let first = await events.next(isolation: #isolation)
            #expect(first == .listening)
            group.cancelAll()
            try await group.waitForAll()
        }
        let last = await events.next(isolation: #isolation)
        #expect(last == nil)
        var late = listener.events().makeAsyncIterator()
        let none = await late.next(isolation: #isolation)
        #expect(none == nil)
    }
}
