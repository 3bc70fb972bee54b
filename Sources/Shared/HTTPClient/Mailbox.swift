internal import Synchronization

/// A request on its way to the loop, with the caller that waits for it.
struct Ticket: Sendable {
    let id: UInt64
    let request: CheckedRequest
    let continuation: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>

    func fail(_ code: HTTPError.Code, _ reason: String) {
        continuation.resume(returning: .failure(request.error(code, reason)))
    }
}

/// What callers leave for the loop's thread.
final class Mailbox: Sendable {
    enum Command: Sendable {
        case start(Ticket)
        case cancel(UInt64)
    }

    private enum Phase { case open, closing, closed }

    private struct State {
        var phase = Phase.open
        var commands: [Command] = []
        var lastID: UInt64 = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// While the loop lives.
        var bell: Bell?

        mutating func post(_ command: Command) {
            commands.append(command)
            // With older commands still there, the loop has been woken and not yet looked.
            if commands.count == 1 { bell?.ring() }
        }
    }

    private let state = Mutex(State())

    func makeID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    func start(_ ticket: Ticket) {
        let isOpen = state.withLock { state in
            guard state.phase == .open else { return false }
            state.post(.start(ticket))
            return true
        }
        if !isOpen { ticket.fail(.clientClosed, "the client is closed") }
    }

    func cancel(_ id: UInt64) {
        state.withLock { state in
            if state.phase == .open { state.post(.cancel(id)) }
        }
    }

    func close(waiter: CheckedContinuation<Void, Never>?) {
        let isClosed = state.withLock { state in
            guard state.phase != .closed else { return true }
            state.phase = .closing
            if let waiter { state.waiters.append(waiter) }
            state.bell?.ring()
            return false
        }
        if isClosed { waiter?.resume() }
    }

    // MARK: - For the loop's thread

    /// - Parameter bell: Wakes it.
    func loopBegan(_ bell: Bell) {
        state.withLock { $0.bell = bell }
    }

    /// Empties the box; after `isClosing` nothing more will come.
    func take() -> (commands: [Command], isClosing: Bool) {
        state.withLock { state in
            defer { state.commands = [] }
            return (state.commands, state.phase != .open)
        }
    }

    /// Must precede the end of the bell, so that nobody rings what has its descriptor next.
    func loopWillEnd() {
        state.withLock { $0.bell = nil }
    }

    func loopEnded() {
        let waiters = state.withLock { state in
            state.phase = .closed
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
