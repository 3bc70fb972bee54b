internal import Domain
internal import EnvironmentCalls
internal import Logging
internal import Synchronization

/// How much the deployments and environments of one worker are asked at once.
final class Pressure: Sendable {
    private struct State: Sendable {
        var limits: [DeploymentID: ConcurrencyLimit] = [:]
        var environments: EnvironmentGate
    }

    private let most: Int
    private let state: Mutex<State>
    private let logger: Logger

    /// - Parameters:
    ///   - most: Jobs that one deployment may be given at once.
    ///   - caps: Jobs at once, of the environments that have a bound.
    init(most: Int, caps: [EnvironmentName: Int], logger: Logger) {
        self.most = most
        self.logger = logger
        state = Mutex(State(environments: EnvironmentGate(caps: caps)))
    }

    /// How many more jobs these deployments may be given together, each of them that has room.
    func room(for deployments: [DeploymentID]) -> (jobs: Int, deployments: [DeploymentID]) {
        state.withLock { state in
            let now = ContinuousClock.now
            var rooms: [(id: DeploymentID, room: Int)] = []
            for deployment in deployments {
                let room = state.limits[deployment, default: ConcurrencyLimit(most: most)].room(at: now)
                if room > 0 { rooms.append((deployment, room)) }
            }
            return (rooms.reduce(0) { $0 + $1.room }, rooms.map(\.id))
        }
    }

    /// Of these environments those that may be given jobs; nil when all may.
    func open(among environments: Set<EnvironmentName>) -> [EnvironmentName]? {
        state.withLock { state in
            let open = environments.filter { state.environments.isOpen($0, at: .now) }
            return open.count == environments.count ? nil : open.sorted()
        }
    }

    /// Whether a job may begin; it then has to leave.
    func enter(_ deployment: DeploymentID, _ environment: EnvironmentName?) -> Bool {
        state.withLock { state in
            let now = ContinuousClock.now
            let limit = ConcurrencyLimit(most: most)
            guard state.limits[deployment, default: limit].room(at: now) > 0 else { return false }
            if let environment, !state.environments.enter(environment, at: now) { return false }
            return state.limits[deployment, default: limit].enter(at: now)
        }
    }

    /// - Returns: Whether the deployment may be given fewer jobs than before.
    func leave(
        _ deployment: DeploymentID, _ environment: EnvironmentName?, _ signal: ConcurrencyLimit.Signal, outage: String?,
        since began: ContinuousClock.Instant
    ) -> Bool {
        let (hasShrunk, limit, pause) = state.withLock { state in
            let now = ContinuousClock.now
            var limit = state.limits[deployment] ?? ConcurrencyLimit(most: most)
            let hasShrunk = limit.leave(signal, since: began, at: now)
            state.limits[deployment] = limit
            let pause = environment.flatMap { state.environments.leave($0, fault: outage, at: now) }
            return (hasShrunk, limit.current, pause)
        }
        if hasShrunk {
            logger.notice(
                "a deployment is given fewer jobs at once",
                metadata: ["deployment.id": "\(deployment)", "deployment.limit": "\(limit)"])
        }
        if let pause {
            logger.error(
                "an environment fails the same way time and again; it is left alone for a while",
                metadata: [
                    "environment": "\(environment?.rawValue ?? "")", "error": "\(outage ?? "")", "pause": "\(pause)",
                ])
        }
        return hasShrunk
    }
}

extension JobResult {
    /// The deployment said that it is asked too much: nobody's fault, and no reason to spend a try at once.
    var isPressed: Bool { ["endpoint_rate_limited", "endpoint_overloaded"].contains(errorCode) }

    /// What the result says about the deployment.
    ///
    /// - Parameter timeout: What the job may take; nil where nobody knows.
    func signal(after duration: Duration, of timeout: Duration?) -> ConcurrencyLimit.Signal {
        if isPressed { return .pressed(retryAfter: retryAfter) }
        return outcome == .scored ? .answered(share: timeout.map { duration / $0 } ?? 0) : .nothing
    }

    /// What shows that the environment is out of order, in words that tell whether it is the same again. Not what a model can
    /// bring about: it could hold up its own contest.
    var outage: String? {
        guard outcome == .environmentFault, let errorCode, Self.outages.contains(where: errorCode.hasPrefix) else {
            return nil
        }
        return "\(errorCode): \(errorDetail?.prefix(300) ?? "")"
    }

    private static let outages =
        ["environment_connectionFailed", "environment_tlsFailed", "container_"]
        + [404, 405, 422, 502, 503, 504].map { "environment_status_\($0)" }
}
