package import Domain

/// What there is to do for one model, as `affine.open_work` tells it.
package struct OpenWork: Equatable, Sendable {
    package var model: ModelReference
    /// All hands are wanted for a champion's baseline.
    package var isBaseline: Bool
    /// No contest waits for it yet.
    package var isAhead: Bool
    /// What the ready jobs take one after another.
    package var workSeconds: Double
    /// Jobs that the asking worker has claimed.
    package var heldJobs: Int64
    /// Other live workers that serve or load the model.
    package var hands: Int64
    /// How often this host failed to load the model since it last could.
    package var failures: Int64
    package var failedSecondsAgo: Double?
    /// How many models this host failed to load since it could load any.
    package var hostFailures: Int64

    package init(
        model: ModelReference, isBaseline: Bool = false, isAhead: Bool = false, workSeconds: Double,
        heldJobs: Int64 = 0, hands: Int64 = 0,
        failures: Int64 = 0, failedSecondsAgo: Double? = nil, hostFailures: Int64 = 0
    ) {
        self.model = model
        self.isBaseline = isBaseline
        self.isAhead = isAhead
        self.workSeconds = workSeconds
        self.heldJobs = heldJobs
        self.hands = hands
        self.failures = failures
        self.failedSecondsAgo = failedSecondsAgo
        self.hostFailures = hostFailures
    }
}

/// Which model a worker's host should serve next.
package enum Placement: Equatable, Sendable {
    /// Go on with what is loaded, or with nothing.
    case stay
    case load(ModelReference)
    /// Take no more of what is loaded: once what is in hand has ended, another model comes first.
    case finish
    /// Too many models failed here: the host is at fault, and leaves the work to others for a while.
    case drained

    /// Models that fail one after another on a host before it is thought to be the host's fault.
    private static let hostBudget: Int64 = 3
    /// How long such a host waits before it tries again.
    private static let drainSeconds = 600.0

    /// Whether jobs of the model are ready, or with the asking worker.
    package static func hasWork(for model: ModelReference, among work: [OpenWork]) -> Bool {
        work.contains { $0.model == model && $0.isOpen }
    }

    /// Stays with what is loaded while it has work, unless that only runs ahead and what a contest waits for has nobody. Then
    /// all hands go to the first model in line, as long as one more still helps after the time that loading takes; then to the
    /// next.
    ///
    /// - Parameters:
    ///   - work: Baselines first, then in the order of their evaluations, last what runs ahead.
    ///   - lanes: Jobs that a worker has under way at once.
    ///   - loadSeconds: What loading a model takes.
    package static func choose(
        among work: [OpenWork], loaded: ModelReference?, lanes: Int, loadSeconds: Double
    ) -> Placement {
        let next =
            isDrained(work)
            ? nil
            : work.first { $0.model != loaded && $0.isWorthLoading(lanes: lanes, loadSeconds: loadSeconds) }
        guard let current = work.first(where: { $0.model == loaded && $0.isOpen }) else {
            return isDrained(work) ? .drained : next.map { .load($0.model) } ?? .stay
        }
        guard current.isAhead, let next, !next.isAhead, next.hands == 0 else { return .stay }
        return current.heldJobs > 0 ? .finish : .load(next.model)
    }

    private static func isDrained(_ work: [OpenWork]) -> Bool {
        guard let lastFailure = work.compactMap(\.failedSecondsAgo).min(), lastFailure < drainSeconds else {
            return false
        }
        return work.contains { $0.hostFailures >= hostBudget }
    }
}

extension OpenWork {
    fileprivate var isOpen: Bool { workSeconds > 0 || heldJobs > 0 }

    fileprivate func isWorthLoading(lanes: Int, loadSeconds: Double) -> Bool {
        guard workSeconds > 0, !isResting else { return false }
        return hands == 0 || workSeconds / Double(hands * Int64(max(1, lanes))) > loadSeconds
    }

    /// 1 min after the first failure here, 2 after the second … up to 30.
    private var isResting: Bool {
        guard failures > 0, let failedSecondsAgo else { return false }
        return failedSecondsAgo < min(1_800, 60 * Double(Int64(1) << min(failures - 1, 5)))
    }
}
