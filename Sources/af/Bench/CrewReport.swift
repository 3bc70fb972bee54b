import Synchronization

/// What one process's simulated workers saw.
struct CrewReport: Codable, Sendable {
    /// Of claims that brought a run, as the worker sees them: with the wait for one of the process's connections.
    var claimMicroseconds: [Int32] = []
    /// The same without that wait.
    var claimSessionMicroseconds: [Int32] = []
    var settleMicroseconds: [Int32] = []
    var heartbeatMicroseconds: [Int32] = []
    var emptyClaims = 0
    /// Claims of workers that the queue had given up meanwhile, although they meant no harm.
    var claimsRefused = 0
    var heartbeatsRefused = 0
    var crashes = 0
    var stalls = 0
    var resends = 0
    /// Second reports that were answered with anything but `duplicate`.
    var resendsMistaken = 0
    /// Jobs of stalled workers.
    var refusedLate = 0
    var acceptedLate = 0
    /// Jobs of workers that did not stall.
    var refusedInTime = 0
    /// Jobs whose result was accepted.
    var accepted = 0
    /// Statements that failed and were sent again.
    var retries = 0

    mutating func merge(_ other: CrewReport) {
        claimMicroseconds += other.claimMicroseconds
        claimSessionMicroseconds += other.claimSessionMicroseconds
        settleMicroseconds += other.settleMicroseconds
        heartbeatMicroseconds += other.heartbeatMicroseconds
        for count: WritableKeyPath<CrewReport, Int> in [
            \.emptyClaims, \.claimsRefused, \.heartbeatsRefused, \.crashes, \.stalls, \.resends, \.resendsMistaken,
            \.refusedLate, \.acceptedLate, \.refusedInTime, \.accepted, \.retries,
        ] {
            self[keyPath: count] += other[keyPath: count]
        }
    }
}

/// The report that all workers of a process write to.
final class CrewTally: Sendable {
    private let report = Mutex(CrewReport())

    func note(_ change: (inout CrewReport) -> Void) { report.withLock { change(&$0) } }

    var result: CrewReport { report.withLock(\.self) }
}
