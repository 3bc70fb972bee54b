internal import Domain
internal import EnvironmentCalls
internal import Logging
internal import Postgres
internal import Synchronization

internal import struct FoundationEssentials.UUID

/// Sends reports in batches. A lost answer is followed by the same batch again, which the queue recognises.
final class Reporter: Sendable {
    private struct Batch: Sendable {
        var reports: [JobReport] = []
        /// Leases of which nothing is left once the reports are stored.
        var finished: [UUID] = []
    }

    private let worker: UUID
    private let database: Database
    private let logger: Logger
    private let openLeases = OpenLeases()
    private let pending = Mutex(Batch())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(worker: UUID, database: Database, logger: Logger) {
        self.worker = worker
        self.database = database
        self.logger = logger
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Every job of the lease will be reported or given up.
    func expect(_ lease: Lease) { openLeases.add(lease) }

    func add(_ report: JobReport) {
        pending.withLock { batch in
            batch.reports.append(report)
            batch.finished += openLeases.close([report.job])
        }
        waker.yield()
    }

    /// These jobs were handed back, so nothing will be reported of them.
    func giveUp(_ jobs: [Job]) {
        pending.withLock { $0.finished += openLeases.close(jobs) }
        waker.yield()
    }

    /// No more reports will come: `run` sends what is left and returns.
    func finish() { waker.finish() }

    /// Sends until `finish` was called and nothing is left, or the task is cancelled.
    func run() async {
        for await _ in wake {
            await pause(.milliseconds(20))
            await send()
        }
        await send()
    }

    private func send() async {
        let batch = pending.withLock { pending in
            defer { pending = Batch() }
            return pending
        }
        guard !batch.reports.isEmpty || !batch.finished.isEmpty else { return }
        await keepTranscripts(of: batch.reports)
        await send(batch)
    }

    /// Before the results, while the leases are held. One try: no result waits for what was said.
    private func keepTranscripts(of reports: [JobReport]) async {
        for statement in KeepTranscripts.all(of: reports, worker: worker) {
            do {
                try await database.run(statement)
            } catch {
                logger.warning("transcripts are lost; their results are not", metadata: ["error": "\(error)"])
            }
        }
    }

    private func send(_ batch: Batch) async {
        var delay = Duration.milliseconds(100)
        while !Task.isCancelled {
            do {
                let settlements = try await database.run(
                    Settle(worker: worker, finished: batch.finished, reports: batch.reports))
                log(settlements, of: batch.reports)
                return
            } catch let error as PostgresError where error.isRefusal && !batch.reports.isEmpty {
                return await sendApart(batch, refusedBy: error)
            } catch {
                logger.warning("settling failed; sending the same batch again", metadata: ["error": "\(error)"])
                await pause(delay)
                delay = min(delay * 2, .seconds(5))
            }
        }
    }

    /// One report that can't be stored must not keep the others from being stored; it becomes a fault that can.
    private func sendApart(_ batch: Batch, refusedBy error: PostgresError) async {
        let reports = batch.reports
        if reports.count > 1 {
            let middle = reports.count / 2
            await send(Batch(reports: Array(reports[..<middle])))
            return await send(Batch(reports: Array(reports[middle...]), finished: batch.finished))
        }
        logger.error("a report was refused", metadata: ["error": "\(error)"])
        var reduced = reports[0]
        guard reduced.result.errorCode != "report_refused" else { return }
        reduced.result = .fault(.infraFault, "report_refused", "\(error)")
        await send(Batch(reports: [reduced], finished: batch.finished))
    }

    private func log(_ settlements: [Settlement], of reports: [JobReport]) {
        for (report, settlement) in zip(reports, settlements) where settlement == .superseded {
            logger.notice(
                "a report came too late and was refused",
                metadata: ["lease.id": "\(report.job.lease.id)", "job.position": "\(report.job.position)"])
        }
    }

    /// Sleeps, but no longer than the task lives.
    private func pause(_ duration: Duration) async {
        try? await Task.sleep(for: duration)
    }
}
