import Dispatch
import Postgres
import TestSupport

/// Somebody else's session with the test's database.
enum OtherSession {
    /// Runs `body` while a session of this name is in a transaction that began with `sql`.
    ///
    /// - Parameter body: May end that transaction before its own end, by calling what it is given.
    static func holding(
        _ sql: String, as name: String, _ body: (_ release: @Sendable () -> Void) async throws -> Void
    ) async throws {
        var settings = FreshDatabase.current.settings()
        settings.applicationName = name
        let holder = Database(settings, logger: FreshDatabase.logger)
        let (held, hold) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup { group in
            defer { release.signal() }
            group.addTask {
                defer { hold.finish() }
                try await holder.withSession { session in
                    try session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; \(sql)")
                    hold.yield()
                    release.wait()
                    try session.execute("ROLLBACK")
                }
            }
            for await _ in held { break }
            try await body { release.signal() }
        }
        await holder.close()
    }
}
