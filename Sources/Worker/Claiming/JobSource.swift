package import Domain
internal import Synchronization

/// Hands claimed jobs to lanes one at a time, and claims more when none of them may begin. One claim is under way at once.
package final class JobSource: Sendable {
    fileprivate struct State {
        var jobs: [Job] = []
        var isClaiming = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// Grows with whatever a lane may wait for.
        var version = 0
    }

    /// Claims more; an empty answer means that nothing is ready.
    package typealias ClaimMore = @Sendable () async throws -> [Lease]

    private let state = Mutex(State())
    private let isStopping: @Sendable () -> Bool
    private let hasRoom: @Sendable () -> Bool
    private let mayBegin: @Sendable (Job) -> Bool
    private let claimMore: ClaimMore
    private let pauseWhenIdle: @Sendable (_ emptyClaims: Int) async throws -> Void

    /// - Parameters:
    ///   - hasRoom: Whether jobs that a claim brings could begin.
    ///   - mayBegin: Whether a job may begin now; one that may is handed out. What changes it calls `wake`.
    package init(
        isStopping: @escaping @Sendable () -> Bool, hasRoom: @escaping @Sendable () -> Bool = { true },
        mayBegin: @escaping @Sendable (Job) -> Bool = { _ in true }, claimMore: @escaping ClaimMore,
        pauseWhenIdle: @escaping @Sendable (_ emptyClaims: Int) async throws -> Void
    ) {
        self.isStopping = isStopping
        self.hasRoom = hasRoom
        self.mayBegin = mayBegin
        self.claimMore = claimMore
        self.pauseWhenIdle = pauseWhenIdle
    }

    /// The next job; nil once stopping or cancelled.
    package func next() async throws -> Job? {
        var emptyClaims = 0
        while !Task.isCancelled, !isStopping() {
            let room = hasRoom()
            switch state.withLock({ $0.turn(hasRoom: room, mayBegin) }) {
            case .run(let job): return job
            case .wait(let version): await wait(past: version)
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

    /// Something has changed that lanes may wait for.
    ///
    /// - Parameter most: How many of them have use for it.
    package func wake(_ most: Int = .max) {
        state.withLock { $0.takeWaiters(most) }.forEach { $0.resume() }
    }

    private func finishClaim(adding leases: [Lease]) {
        let waiters = state.withLock { state in
            state.isClaiming = false
            state.jobs.append(contentsOf: leases.flatMap(\.jobs))
            return state.takeWaiters()
        }
        waiters.forEach { $0.resume() }
    }

    private func wait(past version: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.version == version, !Task.isCancelled else { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }
}

extension JobSource.State {
    fileprivate enum Turn {
        case claim
        case wait(version: Int)
        case run(Job)
    }

    fileprivate mutating func turn(hasRoom: Bool, _ mayBegin: (Job) -> Bool) -> Turn {
        if let index = jobs.firstIndex(where: mayBegin) { return .run(jobs.remove(at: index)) }
        if isClaiming || !hasRoom { return .wait(version: version) }
        isClaiming = true
        return .claim
    }

    fileprivate mutating func takeWaiters(_ most: Int = .max) -> [CheckedContinuation<Void, Never>] {
        defer { waiters.removeFirst(min(most, waiters.count)) }
        version += 1
        return Array(waiters.prefix(most))
    }
}
