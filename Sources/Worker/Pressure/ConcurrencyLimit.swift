/// How many jobs one deployment is given at once: at first as many as may be. It shrinks by a factor when pressure shows, and
/// grows by one, or a twentieth, for each round of answers while more is wanted (after the additive increase and multiplicative
/// decrease of Chiu and Jain, 1989).
package struct ConcurrencyLimit: Equatable, Sendable {
    /// What the end of a job says about its deployment.
    package enum Signal: Equatable, Sendable {
        /// It answered, after this share of the time it may take.
        case answered(share: Double)
        /// It said that it is asked too much, and perhaps how long to leave it alone.
        case pressed(retryAfter: Duration?)
        /// Nothing: the job ended for other reasons.
        case nothing
    }

    /// Of the time a job may take; slower answers are soon too late.
    private static let slowShare = 0.6
    /// The longest that a server may ask to be left alone.
    private static let longestPause = Duration.seconds(60)

    private let most: Double
    private var limit: Double
    /// Whether there was more to do than it allowed.
    private var isInDemand = false
    private var shrunkAt: ContinuousClock.Instant?
    private var pausedUntil: ContinuousClock.Instant?
    package private(set) var inFlight = 0

    /// - Parameter most: 1 or more.
    package init(most: Int) {
        self.most = Double(most)
        limit = self.most
    }

    package var current: Int { Int(limit) }

    /// How many more jobs may begin now, for somebody who has some.
    package mutating func room(at now: ContinuousClock.Instant) -> Int {
        if let pausedUntil, now < pausedUntil { return 0 }
        let room = max(0, current - inFlight)
        isInDemand = room == 0
        return room
    }

    /// Whether one more job may begin; it then counts until it leaves.
    package mutating func enter(at now: ContinuousClock.Instant) -> Bool {
        guard room(at: now) > 0 else { return false }
        inFlight += 1
        return true
    }

    /// - Returns: Whether the limit shrank.
    @discardableResult
    package mutating func leave(
        _ signal: Signal, since began: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Bool {
        inFlight -= 1
        switch signal {
        case .nothing: return false
        case .answered(let share) where share < Self.slowShare:
            // A limit that nobody reaches says nothing about a higher one.
            if isInDemand { limit = min(most, limit + max(0.05, 1 / limit)) }
            return false
        case .answered: return shrink(by: 0.9, since: began, at: now)
        case .pressed(let retryAfter):
            if let retryAfter { pausedUntil = max(pausedUntil ?? now, now + min(retryAfter, Self.longestPause)) }
            return shrink(by: 0.7, since: began, at: now)
        }
    }

    /// Jobs that began before the last time say what was known then.
    private mutating func shrink(
        by factor: Double, since began: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Bool {
        if let shrunkAt, began < shrunkAt { return false }
        let before = current
        shrunkAt = now
        limit = max(1, limit * factor)
        return current < before
    }
}
