internal import Synchronization

/// Where a claim begins to look, so that it does not walk again over rows that were taken long ago but that an old
/// snapshot keeps from being removed.
package struct ClaimFloor: Sendable {
    /// What a run of an evaluation of weight 1 takes of virtual time.
    private static let stride: Int64 = 1 << 20
    /// Rows of claims that were under way beside ours may lie this far behind.
    private static let slack = 50 * stride
    /// What was left behind after all, such as by a claim that failed, is found within this time.
    private static let longest = Duration.seconds(1)

    private var floor: Int64 = 0
    private var sweptAt: ContinuousClock.Instant?

    package init() {}

    /// The lowest pass worth looking at now; 0, at least once a second, looks at all.
    package mutating func next(at now: ContinuousClock.Instant = .now) -> Int64 {
        if let sweptAt, now - sweptAt < Self.longest, floor > 0 { return floor }
        sweptAt = now
        return 0
    }

    /// Takes note of what a claim brought; after an empty one the next looks at all.
    package mutating func record(_ leases: [Lease]) {
        floor = max(0, (leases.map(\.pass).min() ?? 0) - Self.slack)
    }
}

/// A floor that several connections or tasks of one worker share.
package final class SharedFloor: Sendable {
    private let floor = Mutex(ClaimFloor())

    package init() {}

    package func next() -> Int64 { floor.withLock { $0.next() } }
    package func record(_ leases: [Lease]) { floor.withLock { $0.record(leases) } }
}
