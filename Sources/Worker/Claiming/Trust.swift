internal import Synchronization

/// How long a worker may believe that its leases are its own, by its own monotonic clock: seven tenths of the time to live
/// from when a heartbeat was sent. The queue waits the whole of it before it gives the leases to others, counted from that
/// heartbeat or, when a crash of the server lost it, from the one before, a quarter of the time to live earlier.
package final class Trust: Sendable {
    private let span: Duration
    private let end: Mutex<ContinuousClock.Instant>

    package init(timeToLive: Duration) {
        span = timeToLive * 7 / 10
        end = Mutex(.now + span)
    }

    /// A heartbeat that was sent at that moment got through.
    package func extend(from sent: ContinuousClock.Instant) {
        end.withLock { $0 = max($0, sent + span) }
    }

    /// Returns never.
    ///
    /// - Throws: `WorkerError.trustEnded`; `CancellationError`.
    package func watch<Value>() async throws -> Value {
        while true {
            let end = end.withLock { $0 }
            guard .now < end else { throw WorkerError.trustEnded }
            try await Task.sleep(until: end)
        }
    }
}
