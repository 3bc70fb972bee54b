internal import Dispatch
internal import Synchronization

/// One use of a session, from before it begins until after it ended, and the only way to cancel it.
///
/// The server is asked to cancel the statement; when it does not answer for `patience`, because it or the network is gone, the
/// connection is ended without it. A cancel may arrive after the use ended, hence a session that was ever sent one is not used
/// again.
final class Call: Sendable {
    private enum State {
        case waiting
        case running(Canceller)
        case cancelled(Canceller?)
        case ended
    }

    private let patience: Duration
    private let state = Mutex(State.waiting)

    init(patience: Duration) {
        self.patience = patience
    }

    func begin(_ canceller: Canceller) throws(PostgresError) {
        let isWaiting = state.withLock { state in
            guard case .waiting = state else { return false }
            state = .running(canceller)
            return true
        }
        guard isWaiting else { throw Self.error }
    }

    /// Before each statement: throws when the call was cancelled.
    func check() throws(PostgresError) {
        if isCancelled { throw Self.error }
    }

    var isCancelled: Bool {
        state.withLock { state in
            if case .cancelled = state { true } else { false }
        }
    }

    /// Never blocks: the network is touched on another thread.
    func cancel() {
        let mustSend = state.withLock { state in
            switch state {
            case .waiting:
                state = .cancelled(nil)
                return false
            case .running(let canceller):
                state = .cancelled(canceller)
                return true
            case .cancelled, .ended: return false
            }
        }
        guard mustSend else { return }
        Canceller.queue.async { self.send(again: .milliseconds(50)) }
        Canceller.queue.asyncAfter(deadline: .now() + .milliseconds(Int(patience.milliseconds))) {
            self.unanswered?.hangUp()
        }
    }

    /// Of a use that was cancelled and has not ended yet.
    private var unanswered: Canceller? {
        state.withLock { state in
            if case .cancelled(let canceller) = state { canceller } else { nil }
        }
    }

    /// Sends again until the call ends: a server that had not yet begun the statement ignores a cancel.
    private func send(again delay: DispatchTimeInterval) {
        guard let canceller = unanswered else { return }
        canceller.send()
        Canceller.queue.asyncAfter(deadline: .now() + delay) { self.send(again: .milliseconds(500)) }
    }

    /// True when the session must not be used again.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .ended }
            if case .cancelled = state { return true }
            return false
        }
    }

    static var error: PostgresError { PostgresError(.cancelled, "the task was cancelled") }
}
