public import Logging
internal import Synchronization

/// A pool of sessions, opened when needed and at most as many as the settings allow.
///
/// Closures get a session and cannot await, so a transaction never spans anything but SQL.
public final class Database: Sendable {
    private struct State {
        var pool: Pool<Connection>
        var connections: [Connection] = []
        var lastWaiter: UInt64 = 0
    }

    private let settings: DatabaseSettings
    private let logger: Logger
    private let state: Mutex<State>
    /// Whether something was committed here that no standby confirmed yet.
    private let isUnreplicated = Atomic(false)

    /// Opens nothing yet.
    public init(_ settings: DatabaseSettings, logger: Logger) {
        precondition(settings.maximumConnections > 0, "a pool without connections")
        self.settings = settings
        self.logger = logger
        state = Mutex(State(pool: Pool(limit: settings.maximumConnections)))
    }

    /// Lends a session for as long as `body` runs. A body that leaves a transaction open has it rolled back.
    ///
    /// After a commit that no synchronous standby confirmed, nothing is lent before one did: what is read could be lost with the
    /// server, and nobody may act on it.
    ///
    /// - Throws: what `body` throws; `.connectionFailed`, `.cancelled`, `.poolClosed`, `.unreplicated`.
    public func withSession<T: Sendable>(_ body: @Sendable (inout Session) throws -> T) async throws -> T {
        let connection = try await acquire()
        defer { release(connection) }
        let call = Call(patience: settings.cancelPatience)
        return try await withTaskCancellationHandler {
            try await connection.use(call) { session in
                if isUnreplicated.load(ordering: .relaxed) {
                    try session.awaitReplication()
                    isUnreplicated.store(false, ordering: .relaxed)
                }
                do { return try body(&session) } catch let error as PostgresError where error.code == .unreplicated {
                    isUnreplicated.store(true, ordering: .relaxed)
                    throw error
                }
            }
        } onCancel: {
            call.cancel()
        }
    }

    /// Runs `body` in a transaction, and again from the start, after a pause, when it met a serialization failure or a
    /// deadlock, or broke a unique constraint where the server can't tell that from one. So it must have no effect but its SQL.
    ///
    /// When the connection is lost during COMMIT the outcome is unknown: `.connectionLost` is thrown, not retried.
    public func transaction<T: Sendable>(
        _ isolation: IsolationLevel = .readCommitted, _ body: @Sendable (inout Session) throws -> T
    ) async throws -> T {
        var attempt = 1
        while true {
            do {
                return try await withSession { try $0.transaction(isolation, body) }
            } catch let error as PostgresError
                where error.isConflict(at: isolation) && attempt < settings.transactionAttempts
            {
                logger.debug("transaction runs again", metadata: ["postgres.error": "\(error)"])
            }
            // 10 ms, 20 ms … up to 640 ms, and between half of that and all of it.
            let longest = 10_000 << min(attempt - 1, 6)
            do { try await Task.sleep(for: .microseconds(Int.random(in: longest / 2...longest))) } catch {
                throw Call.error
            }
            attempt += 1
        }
    }

    /// Runs one statement, by itself, and returns its rows.
    @discardableResult
    public func run<S: Statement>(_ statement: S) async throws -> [S.Row] {
        try await withSession { try $0.run(statement) }
    }

    /// Lends no more sessions and closes each as soon as it is free; those who wait for one get `.poolClosed`.
    public func close() async {
        let (waiting, connections) = state.withLock { ($0.pool.close(), $0.connections) }
        for continuation in waiting { continuation.resume(throwing: Self.closed) }
        for connection in connections { await connection.close() }
    }

    private func acquire() async throws -> Connection {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // The flag is set before the handler runs, so looking at it under the lock misses no cancellation.
                let answer: Swift.Result<Connection, PostgresError>? = state.withLock { state in
                    if Task.isCancelled { return .failure(Call.error) }
                    switch state.pool.acquire() {
                    case .place(let connection): return .success(connection)
                    case .make:
                        let connection = Connection(settings, logger: logger)
                        state.connections.append(connection)
                        return .success(connection)
                    case .wait:
                        state.pool.wait(id, continuation)
                        return nil
                    case .closed: return .failure(Self.closed)
                    }
                }
                if let answer { continuation.resume(with: answer.mapError { $0 as any Error }) }
            }
        } onCancel: {
            state.withLock { $0.pool.cancel(id) }?.resume(throwing: Call.error)
        }
    }

    private func release(_ connection: Connection) {
        state.withLock { $0.pool.release(connection) }?.resume(returning: connection)
    }

    private static var closed: PostgresError { PostgresError(.poolClosed, "the pool is closed") }
}
