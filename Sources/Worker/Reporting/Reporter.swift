internal import Logging
internal import Postgres
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// Sends reports in batches. A lost answer is followed by the same batch again, which the queue recognises.
final class Reporter: Sendable {
    private struct State {
        var pending: [JobReport] = []
        var isFinished = false
    }

    private let worker: UUID
    private let database: Database
    private let logger: Logger
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(worker: UUID, database: Database, logger: Logger) {
        self.worker = worker
        self.database = database
        self.logger = logger
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ report: JobReport) {
        state.withLock { $0.pending.append(report) }
        waker.yield()
    }

    /// No more reports will come: `run` sends what is left and returns.
    func finish() {
        state.withLock { $0.isFinished = true }
        waker.finish()
    }

    /// Sends until `finish` was called and nothing is left, or the task is cancelled.
    func run() async {
        for await _ in wake {
            await Self.pause(.milliseconds(20))
            await send()
        }
        await send()
    }

    private func send() async {
        let reports = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        guard !reports.isEmpty else { return }
        var delay = Duration.milliseconds(100)
        while !Task.isCancelled {
            do {
                let settlements = try await database.run(Settle(worker: worker, reports: reports))
                log(settlements, of: reports)
                return
            } catch {
                logger.warning("settling failed; sending the same batch again", metadata: ["error": "\(error)"])
                await Self.pause(delay)
                delay = min(delay * 2, .seconds(5))
            }
        }
    }

    private func log(_ settlements: [Settlement], of reports: [JobReport]) {
        for (report, settlement) in zip(reports, settlements) where settlement == .superseded {
            logger.notice(
                "a report came too late and was refused",
                metadata: ["lease.id": "\(report.job.lease.id)", "job.position": "\(report.job.position)"])
        }
    }

    /// Sleeps, but no longer than the task lives.
    private static func pause(_ duration: Duration) async {
        try? await Task.sleep(for: duration)
    }
}
