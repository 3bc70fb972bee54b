internal import Dispatch
internal import Logging

/// Runs an actor's work on one serial queue, whose thread may block.
final class BlockingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "postgres.session")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// A place in the pool. An actor because it owns a session, which blocks and must never be used by two at once.
actor Connection {
    private nonisolated let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private let settings: DatabaseSettings
    private let logger: Logger
    private var session: Session?

    init(_ settings: DatabaseSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Lends the session to `body`, opening one when there is none or the server closed it meanwhile.
    func use<T: Sendable>(_ call: Call, _ body: @Sendable (inout Session) throws -> T) throws -> T {
        try call.check()
        var current = try takeSession()
        try call.begin(current.canceller)
        current.call = call
        let result = Swift.Result { () throws -> T in try body(&current) }
        current.call = nil
        let wasCancelled = call.end()
        if !wasCancelled && current.isReusable { session = consume current }
        return try result.get()
    }

    func close() {
        session = nil
    }

    private func takeSession() throws(PostgresError) -> Session {
        if let idle = session.take(), idle.isAlive { return idle }
        return try Session.open(settings, logger: logger)
    }
}
