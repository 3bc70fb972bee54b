package import Domain

/// Which environments may be given jobs: not those that have as many as they may, nor for a while those that fail the same
/// way time and again.
package struct EnvironmentGate: Equatable, Sendable {
    /// The same fault so often in a row is no accident.
    private static let sameFaults = 3
    private static let longestBreak = Duration.seconds(120)

    private struct Place: Equatable, Sendable {
        var inFlight = 0
        /// The last fault, and how often in a row it was the same.
        var fault: String?
        var repeats = 0
        var breaks = 0
        var closedUntil: ContinuousClock.Instant?
    }

    private let caps: [EnvironmentName: Int]
    private var places: [EnvironmentName: Place] = [:]

    /// - Parameter caps: Jobs at once, of the environments that have a bound.
    package init(caps: [EnvironmentName: Int]) {
        self.caps = caps
    }

    /// Whether a job may begin; it then counts until it leaves.
    package mutating func enter(_ environment: EnvironmentName, at now: ContinuousClock.Instant) -> Bool {
        guard isOpen(environment, at: now) else { return false }
        places[environment, default: Place()].inFlight += 1
        return true
    }

    package func isOpen(_ environment: EnvironmentName, at now: ContinuousClock.Instant) -> Bool {
        let place = places[environment] ?? Place()
        if let closedUntil = place.closedUntil {
            guard now >= closedUntil else { return false }
            // One job is to show whether it has recovered.
            if place.inFlight > 0 { return false }
        }
        return place.inFlight < caps[environment] ?? .max
    }

    /// - Parameter fault: What shows in words that the environment is out of order; nil when nothing does.
    /// - Returns: How long the environment is left alone from now on; nil unless that begins now.
    package mutating func leave(
        _ environment: EnvironmentName, fault: String?, at now: ContinuousClock.Instant
    ) -> Duration? {
        var place = places[environment] ?? Place()
        defer { places[environment] = place }
        place.inFlight -= 1
        guard let fault else {
            (place.fault, place.repeats, place.breaks, place.closedUntil) = (nil, 0, 0, nil)
            return nil
        }
        place.repeats = fault == place.fault ? place.repeats + 1 : 1
        place.fault = fault
        // What was under way when it was closed says nothing new.
        if let closedUntil = place.closedUntil, now < closedUntil { return nil }
        guard place.repeats >= Self.sameFaults else { return nil }
        let pause = min(.seconds(5) * (1 << min(place.breaks, 6)), Self.longestBreak)
        place.breaks += 1
        place.closedUntil = now + pause
        return pause
    }
}
