/// When an idle worker should claim again. It looks at the queue's version, which grows with whatever is queued; what a larger
/// one promises may be committed a moment later, so for a while after it grew every look is followed by a claim.
package struct IdleWatch: Sendable {
    private static let fresh = Duration.seconds(10)

    private var version: Int64?
    private var grewAt: ContinuousClock.Instant?

    package init() {}

    /// Takes note of the version that was seen, and says whether a claim may find something.
    package mutating func isWorthClaiming(_ seen: Int64, at now: ContinuousClock.Instant = .now) -> Bool {
        if seen != version {
            version = seen
            grewAt = now
        }
        return grewAt.map { now - $0 < Self.fresh } ?? false
    }
}
