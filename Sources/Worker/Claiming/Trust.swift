internal import Synchronization

/// How long a worker may believe that its leases are its own, by its own monotonic clock: a heartbeat's sending time plus
/// the time to live, less a margin. The queue waits the whole time to live before it gives the leases to others.
package final class Trust: Sendable {
    private let span: Duration
    private let end: Mutex<ContinuousClock.Instant>

    package init(timeToLive: Duration) {
        span = timeToLive * 4 / 5
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
