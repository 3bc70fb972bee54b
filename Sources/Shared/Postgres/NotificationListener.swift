internal import Dispatch
public import Logging
internal import Synchronization

/// What a listener tells its subscribers. A hint and no more: any of it may be lost.
public enum ListenerEvent: Hashable, Sendable {
    /// The listener listens, for the first time or again: what was sent before may have been missed.
    case listening
    case notified(channel: String, payload: String)
}

/// One session that only listens, on a thread of its own, connecting again whenever it is lost.
///
/// A pooler in transaction mode forgets LISTEN: connect the listener to the server itself.
public final class NotificationListener: Sendable {
    private struct State {
        var isListening = false
        var hasEnded = false
        var lastSubscriber = 0
        var subscribers: [Int: AsyncStream<ListenerEvent>.Continuation] = [:]
    }

    private let settings: DatabaseSettings
    private let channels: [String]
    private let logger: Logger
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "postgres.listener")

    /// Does nothing until `run` is called.
    public init(_ settings: DatabaseSettings, channels: [String], logger: Logger) {
        self.settings = settings
        self.channels = channels
        self.logger = logger
    }

    /// A stream of its own for each subscriber, keeping the newest events of one that is slow. It ends with `run`.
    public func events() -> AsyncStream<ListenerEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ListenerEvent.self, bufferingPolicy: .bufferingNewest(64))
        let id: Int? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.lastSubscriber += 1
            state.subscribers[state.lastSubscriber] = continuation
            if state.isListening { continuation.yield(.listening) }
            return state.lastSubscriber
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            // Never under the lock: a stream that is finished calls this at once.
            _ = self?.state.withLock { $0.subscribers.removeValue(forKey: id) }
        }
        return stream
    }

    /// Listens until the task is cancelled. To be called once.
    public func run() async throws(PostgresError) {
        guard let wake = WakePipe() else { throw PostgresError(.connectionFailed, "no descriptors left for a pipe") }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async {
                    self.listenUntilWoken(wake)
                    continuation.resume()
                }
            }
        } onCancel: {
            wake.signal()
        }
        let subscribers = state.withLock { state in
            state.hasEnded = true
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
    }

    private func listenUntilWoken(_ wake: WakePipe) {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                var session = try Session.open(settings, logger: logger)
                for channel in channels { try session.execute("LISTEN \(Session.quoted(channel))") }
                pause = .milliseconds(100)
                yield(.listening)
                if try forward(&session, wake) { return }
            } catch {
                state.withLock { $0.isListening = false }
                logger.warning("listener lost its connection", metadata: ["postgres.error": "\(error)"])
            }
            if wake.wait(atMost: pause) == .woken { return }
            pause = min(pause * 2, .seconds(5))
        }
    }

    /// Passes on what arrives; true when woken to stop, an error when the connection is lost.
    private func forward(_ session: inout Session, _ wake: WakePipe) throws(PostgresError) -> Bool {
        while true {
            switch wake.wait(for: session.socket, atMost: .seconds(5)) {
            case .woken: return true
            // A connection may die without a word: only a question finds out.
            case .timedOut: try session.execute("SELECT 1")
            case .readable: break
            }
            for (channel, payload) in try session.takeNotifications() {
                yield(.notified(channel: channel, payload: payload))
            }
        }
    }

    private func yield(_ event: ListenerEvent) {
        let subscribers = state.withLock { state in
            if event == .listening { state.isListening = true }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.yield(event) }
    }
}
