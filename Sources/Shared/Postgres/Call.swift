internal import Dispatch
internal import Synchronization

/// One use of a session, from before it begins until after it ended, and the only way to cancel it.
///
/// A cancel is sent under the lock that `end` must take, so none can be sent after the use ended. It may still arrive
/// late, hence a session that was ever sent one is not used again.
final class Call: Sendable {
    private enum State {
        case waiting
        case running(Canceller)
        case cancelled(Canceller?)
        case ended
    }

    private let state = Mutex(State.waiting)

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
        if mustSend { Canceller.queue.async { self.send(again: .milliseconds(50)) } }
    }

    /// Sends again until the call ends: a server that had not yet begun the statement ignores a cancel.
    private func send(again delay: DispatchTimeInterval) {
        let wasSent = state.withLock { state in
            guard case .cancelled(let canceller?) = state else { return false }
            canceller.send()
            return true
        }
        if wasSent {
            Canceller.queue.asyncAfter(deadline: .now() + delay) { self.send(again: .milliseconds(500)) }
        }
    }

    /// Waits for a cancel being sent; true when the session must not be used again.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .ended }
            if case .cancelled = state { return true }
            return false
        }
    }

    static var error: PostgresError { PostgresError(.cancelled, "the task was cancelled") }
}
