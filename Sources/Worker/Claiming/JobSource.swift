package import Domain
internal import Synchronization

/// Hands claimed jobs to lanes one at a time, and claims more when it runs dry. One claim is under way at once.
package final class JobSource: Sendable {
    fileprivate struct State {
        var jobs: [Job] = []
        var isClaiming = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Claims up to so many runs; an empty answer means that nothing is ready.
    package typealias ClaimMore = @Sendable () async throws -> [Lease]

    private let state = Mutex(State())
    private let isStopping: @Sendable () -> Bool
    private let claimMore: ClaimMore
    private let pauseWhenIdle: @Sendable (_ emptyClaims: Int) async throws -> Void

    package init(
        isStopping: @escaping @Sendable () -> Bool, claimMore: @escaping ClaimMore,
        pauseWhenIdle: @escaping @Sendable (_ emptyClaims: Int) async throws -> Void
    ) {
        self.isStopping = isStopping
        self.claimMore = claimMore
        self.pauseWhenIdle = pauseWhenIdle
    }

    /// The next job; nil once stopping or cancelled.
    package func next() async throws -> Job? {
        var emptyClaims = 0
        while !Task.isCancelled, !isStopping() {
            switch state.withLock({ $0.turn() }) {
            case .run(let job): return job
            case .wait: await waitForClaim()
            case .claim:
                let leases: [Lease]
                do {
                    leases = try await claimMore()
                    emptyClaims = leases.isEmpty ? emptyClaims + 1 : 0
                    if leases.isEmpty { try await pauseWhenIdle(emptyClaims) }
                } catch {
                    finishClaim(adding: [])
                    throw error
                }
                finishClaim(adding: leases)
            }
        }
        return nil
    }

    /// Takes back the jobs of a deployment that no lane has begun.
    package func withdraw(_ deployment: DeploymentID) -> [Job] {
        state.withLock { state in
            let withdrawn = state.jobs.filter { $0.lease.deployment == deployment }
            state.jobs.removeAll { $0.lease.deployment == deployment }
            return withdrawn
        }
    }

    private func finishClaim(adding leases: [Lease]) {
        let waiters = state.withLock { state in
            state.isClaiming = false
            state.jobs.append(contentsOf: leases.flatMap(\.jobs))
            return state.takeWaiters()
        }
        waiters.forEach { $0.resume() }
    }

    private func waitForClaim() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                guard state.isClaiming else { return true }
                state.waiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}

extension JobSource.State {
    fileprivate enum Turn {
        case wait, claim
        case run(Job)
    }

    fileprivate mutating func turn() -> Turn {
        if !jobs.isEmpty { return .run(jobs.removeFirst()) }
        if isClaiming { return .wait }
        isClaiming = true
        return .claim
    }

    fileprivate mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
        defer { waiters = [] }
        return waiters
    }
}
