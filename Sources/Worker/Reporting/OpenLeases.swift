internal import Synchronization

internal import struct FoundationEssentials.UUID

/// Counts the jobs of each lease that are still to be reported or handed back.
final class OpenLeases: Sendable {
    private let open = Mutex<[UUID: Int]>([:])

    func add(_ lease: Lease) {
        open.withLock { $0[lease.id] = lease.runs.reduce(0) { $0 + $1.count } }
    }

    /// Takes jobs off; returns the leases of which nothing is left.
    func close(_ jobs: [Job]) -> [UUID] {
        open.withLock { open in
            var finished: [UUID] = []
            for job in jobs {
                guard let left = open[job.lease.id] else { continue }
                open[job.lease.id] = left > 1 ? left - 1 : nil
                if left == 1 { finished.append(job.lease.id) }
            }
            return finished
        }
    }
}
