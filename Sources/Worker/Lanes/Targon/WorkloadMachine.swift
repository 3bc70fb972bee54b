/// What to do next about the workload of one wanted model, from what Targon shows at each look.
///
/// The name is the key. Whoever wants the model uses the oldest workload of its name, creates one only where there is none, and
/// removes all younger ones: so two that create at the same moment, or one whose answer was lost, end up with one.
package struct WorkloadMachine: Equatable, Sendable {
    package enum Step: Equatable, Sendable {
        case create
        case deploy(Workload)
        case remove([Workload])
        /// Ask it for its models.
        case probe(Workload)
        case wait
        /// The model could not be served: the workload goes, and the failure counts.
        case fail(Workload, String)
        /// Nothing that speaks against the model: the workload goes, if there is any, and the model is given back.
        case giveBack(Workload?, String)
    }

    private let loadTimeout: Duration
    /// How long lists and states may lag behind what was done.
    private let lag: Duration
    /// The answer to our own create.
    package private(set) var created: Workload?
    /// What was chosen has served the model, and its state does not speak against that.
    package private(set) var isServed = false
    /// Why the model does not answer yet.
    package var problem = ""
    private var createSentAt: Duration?
    private var deploySentAt: Duration?
    private var chosen: Workload?
    private var chosenAt = Duration.zero
    private var wasDeployed = false

    package init(loadTimeout: Duration, lag: Duration) {
        self.loadTimeout = loadTimeout
        self.lag = lag
    }

    package mutating func noteCreated(_ workload: Workload) { created = workload }

    package mutating func noteServed() { isServed = true }

    /// Whether this worker created what was chosen, so that its load took what loads take.
    package var isOwn: Bool { created != nil && created?.id == chosen?.id }

    /// How long the chosen workload has been waited for.
    package func age(at elapsed: Duration) -> Duration { elapsed - chosenAt }

    /// - Parameter found: All workloads of the name.
    package mutating func next(_ found: [Workload], at elapsed: Duration) -> Step {
        let present = found.filter { $0.stage != .ending }.sorted { $0.rank < $1.rank }
        guard let first = present.first else { return absent(at: elapsed) }
        if first.id != chosen?.id { choose(first, at: elapsed) }
        chosen = first
        guard present.count == 1 else { return .remove(Array(present.dropFirst())) }
        switch first.stage {
        case .failed:
            let why = "the workload is \(first.status): \(first.message)"
            // Another worker created it, and may have seen what this one has not: its container being started.
            if !wasDeployed, !isOwn, age(at: elapsed) < lag { return .wait }
            return wasDeployed ? .fail(first, why) : .giveBack(first, why)
        case .stopped: return .giveBack(first, "the workload was \(first.status): \(first.message)")
        case .running where isServed: return .wait
        case .running: wasDeployed = true
        case .deploying:
            wasDeployed = true
            lose(at: elapsed)
        case .registered, .provisioning, .ending: lose(at: elapsed)
        }
        if age(at: elapsed) >= loadTimeout { return overdue(first) }
        switch first.stage {
        case .running: return .probe(first)
        case .registered where mayDeploy(at: elapsed):
            deploySentAt = elapsed
            return .deploy(first)
        default: return .wait
        }
    }

    private mutating func choose(_ workload: Workload, at elapsed: Duration) {
        (chosenAt, deploySentAt, isServed, wasDeployed) = (elapsed, nil, false, false)
    }

    /// What served begins again, with all the time that loading may take.
    private mutating func lose(at elapsed: Duration) {
        if isServed { (isServed, chosenAt) = (false, elapsed) }
    }

    private mutating func absent(at elapsed: Duration) -> Step {
        // Its end may have been a failure that another worker is just recording: the choice is made anew.
        if chosen != nil { return .giveBack(nil, "the workload is gone") }
        if let createSentAt, elapsed - createSentAt < lag { return .wait }
        createSentAt = elapsed
        return .create
    }

    /// Whoever created a workload deploys it; others only when that was not done.
    private func mayDeploy(at elapsed: Duration) -> Bool {
        if let deploySentAt { return elapsed - deploySentAt >= lag }
        return isOwn || age(at: elapsed) >= lag
    }

    private func overdue(_ workload: Workload) -> Step {
        guard wasDeployed else {
            return .giveBack(workload, "the workload was still \(workload.status) after \(loadTimeout)")
        }
        return .fail(workload, "the model was not served within \(loadTimeout): \(problem)")
    }
}

extension Workload {
    /// The lowest is used: one that can still serve before one that can't, then the oldest.
    fileprivate var rank: (Int, String, String) {
        (stage == .failed || stage == .stopped ? 1 : 0, createdAt, id)
    }
}
