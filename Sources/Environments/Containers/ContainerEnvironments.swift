package import Domain
package import HTTPClient
package import Logging
package import Processes
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// The containers in which environments are served to one process: started when first called, kept between calls, started
/// again when they died, and removed when they are idle and at the end.
package final class ContainerEnvironments: Sendable {
    private struct State {
        var table = ReplicaTable()
        var lastTicket = 0
        var waiting: [Int: CheckedContinuation<Result<Replica, ContainerError>, Never>] = [:]
        var isFinished = false
    }

    let launcher: ContainerLauncher
    let time: Timekeeper
    let logger: Logger
    private let state = Mutex(State())
    private let orders: AsyncStream<ReplicaTable.Order>
    private let placeOrder: AsyncStream<ReplicaTable.Order>.Continuation

    /// - Parameter process: Whose containers they are: once it is dead, whoever starts next on this machine removes them.
    package init(
        host: ContainerHost, http: HTTPClient, time: Timekeeper = Timekeeper(.continuous),
        process: ProcessIdentity? = .current, logger: Logger
    ) {
        launcher = ContainerLauncher(
            host: host, http: http, owner: ContainerOwner(id: UUID().uuidString.lowercased(), process: process),
            logger: logger)
        self.time = time
        self.logger = logger
        (orders, placeOrder) = AsyncStream.makeStream()
    }

    /// Starts, watches and reaps until it is finished or cancelled; then every container of this process is removed.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watch() }
            for await order in orders {
                group.addTask { await self.start(order) }
            }
            group.cancelAll()
        }
        let left = state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in left { continuation.resume(returning: .failure(.cutShort)) }
        await removeAll()
    }

    /// Values of the variables that a container is given by name, as far as this process has them.
    package func secrets(of settings: ContainerSettings) -> [String] {
        settings.secrets.compactMap(launcher.host.secret)
    }

    /// Lets `run` come to its end.
    package func finish() {
        placeOrder.finish()
    }

    /// A replica for one call, which is to be given back. While none is ready the caller waits, after failed starts longer.
    package func take(
        _ environment: EnvironmentName, _ settings: ContainerSettings
    ) async throws(ContainerError) -> Replica {
        let key = ContainerKey(environment: environment, settings: settings)
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                take(key, ticket, continuation)
                // A cancellation that came before found nobody waiting.
                if Task.isCancelled { abandon(ticket, key) }
            }
        } onCancel: {
            abandon(ticket, key)
        }
        return try result.get()
    }

    package func giveBack(_ replica: Replica) {
        state.withLock { $0.table.giveBack(replica, now: time.elapsed()) }
    }

    /// Asks, after a call went wrong, whether the replica is at fault: how it ended, or nil while it lives.
    ///
    /// A connection may break a moment before the engine knows why, and a server that computes may answer no question: so
    /// it is looked at for up to two seconds, until it has ended or answers.
    package func examine(_ replica: Replica) async -> String? {
        let deadline = ContinuousClock.now + .seconds(2)
        while .now < deadline {
            do {
                guard let end = try await launcher.end(of: replica) else {
                    if await launcher.isHealthy(replica.url, within: .milliseconds(500)) { return nil }
                    try await Task.sleep(for: .milliseconds(100))
                    continue
                }
                await bury(replica, end)
                return end
            } catch {
                return nil
            }
        }
        return nil
    }

    private func take(
        _ key: ContainerKey, _ ticket: Int, _ continuation: CheckedContinuation<Result<Replica, ContainerError>, Never>
    ) {
        let (answer, order): (Result<Replica, ContainerError>?, ReplicaTable.Order?) = state.withLock { state in
            guard !state.isFinished else { return (.failure(.cutShort), nil) }
            let (replica, order) = state.table.take(key, ticket: ticket, now: time.elapsed())
            if replica == nil { state.waiting[ticket] = continuation }
            return (replica.map { .success($0) }, order)
        }
        if let order { placeOrder.yield(order) }
        if let answer { continuation.resume(returning: answer) }
    }

    private func abandon(_ ticket: Int, _ key: ContainerKey) {
        let continuation = state.withLock { state in
            state.table.abandon(ticket, key)
            return state.waiting.removeValue(forKey: ticket)
        }
        continuation?.resume(returning: .failure(.cutShort))
    }

    private func start(_ order: ReplicaTable.Order) async {
        let result: Result<Replica, ContainerError>
        do {
            try await time.sleep(order.delay)
            result = .success(try await launcher.launch(order.key))
        } catch {
            result = .failure(error as? ContainerError ?? .cutShort)
        }
        let served = state.withLock { state in
            let now = time.elapsed()
            let tickets =
                switch result {
                case .success(let replica): state.table.started(replica, now: now)
                case .failure: state.table.failed(order.key, now: now)
                }
            return tickets.compactMap { state.waiting.removeValue(forKey: $0) }
        }
        for continuation in served { continuation.resume(returning: result) }
        report(result, of: order.key.environment)
    }

    private func report(_ result: Result<Replica, ContainerError>, of environment: EnvironmentName) {
        var metadata: Logger.Metadata = ["environment.name": "\(environment)"]
        switch result {
        case .success(let replica):
            metadata["container.id"] = "\(replica.container.prefix(12))"
            metadata["container.url"] = "\(replica.url)"
            logger.notice("container ready", metadata: metadata)
        case .failure(let error) where error.code != .cancelled:
            metadata["error"] = "\(error)"
            logger.error("a container could not be started", metadata: metadata)
        case .failure: break
        }
    }

    /// Every two seconds: what died is forgotten, so that the next call finds a fresh one; what is idle is removed.
    private func watch() async {
        await launcher.removeLeftovers()
        while !Task.isCancelled {
            do { try await time.sleep(.seconds(2)) } catch { return }
            for replica in state.withLock({ $0.table.takeIdle(now: time.elapsed()) }) {
                logger.notice(
                    "idle container removed",
                    metadata: [
                        "environment.name": "\(replica.key.environment)",
                        "container.id": "\(replica.container.prefix(12))",
                    ])
                await launcher.remove(replica.container)
            }
            let replicas = state.withLock(\.table.replicas)
            guard !replicas.isEmpty, let running = try? await launcher.running() else { continue }
            for replica in replicas where !running.contains(replica.container) {
                // A replica that was started after the list was made is not in it, but has not ended either.
                if let end = try? await launcher.end(of: replica) { await bury(replica, end) }
            }
        }
    }

    private func bury(_ replica: Replica, _ end: String) async {
        guard state.withLock({ $0.table.drop(replica) }) else { return }
        logger.warning(
            "a container ended",
            metadata: [
                "environment.name": "\(replica.key.environment)", "container.id": "\(replica.container.prefix(12))",
                "error": "\(end)",
            ])
        await launcher.remove(replica.container)
    }

    private func removeAll() async {
        let launcher = launcher
        // What was started must be removed even when this task is being cancelled; it is awaited on the next line.
        let removal = Task { await launcher.removeOwn() }
        await removal.value
    }
}

extension ContainerError {
    static var cutShort: ContainerError { ContainerError(.cancelled, "the work was cut short") }
}
