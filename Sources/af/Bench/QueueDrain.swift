import Domain
import EnvironmentCalls
import FoundationEssentials
import Glibc
import Logging
import Postgres
import Worker

/// What one worker process saw. Moments are those of the machine's monotonic clock, which all processes share.
struct DrainReport: Codable, Sendable {
    var began: Int64 = .max
    var ended: Int64 = 0
    var claimMicroseconds: [Int32] = []
    var settleMicroseconds: [Int32] = []
    var emptyClaims = 0
    /// Reports that were not accepted at once.
    var refused = 0
    /// Jobs accepted in each second of the clock.
    var jobs: [Int64: Int] = [:]

    mutating func merge(_ other: DrainReport) {
        began = min(began, other.began)
        ended = max(ended, other.ended)
        claimMicroseconds += other.claimMicroseconds
        settleMicroseconds += other.settleMicroseconds
        emptyClaims += other.emptyClaims
        refused += other.refused
        jobs.merge(other.jobs, uniquingKeysWith: +)
    }
}

/// Claims and settles with a worker's own statements, on a few connections, until nothing is ready any more.
struct QueueDrain: Sendable {
    /// Held by the benchmark until all processes are ready.
    static let gate: Int64 = 7_205_759

    let url: String
    let connections: Int
    let runs: Int32
    let isLone: Bool
    let logger: Logger

    private static let nothingReady = 10

    func run() async throws -> DrainReport {
        let database = Database(Backend.settings(url, connections: connections), logger: logger)
        let worker = UUID()
        try await database.run(
            RegisterWorker(
                worker: worker, label: "bench", lane: "endpoint", concurrency: runs, ttlMilliseconds: 600_000))
        let model = try ModelReference(repository: QueueLoad.model, revision: QueueLoad.revision)
        let deployments = try await database.run(
            RegisterDeployment(worker: worker, baseURL: "http://127.0.0.1:9/v1", model: model))
        let floor = SharedFloor()
        let report = try await withThrowingTaskGroup(of: DrainReport.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    try await database.withSession { session in
                        try drain(&session, worker: worker, deployments: deployments, floor: floor)
                    }
                }
            }
            return try await group.reduce(into: DrainReport()) { $0.merge($1) }
        }
        try await database.run(StopWorker(worker: worker))
        await database.close()
        return report
    }

    /// One connection's share. It blocks its thread, as a session does anyway.
    private func drain(
        _ session: inout Session, worker: UUID, deployments: [DeploymentID], floor: SharedFloor
    ) throws -> DrainReport {
        var report = DrainReport()
        try session.execute("SET statement_timeout = 0; SELECT pg_advisory_lock_shared(\(Self.gate))")
        report.began = MonotonicClock.nanoseconds
        var emptyClaims = 0
        while emptyClaims < Self.nothingReady {
            let claimed = MonotonicClock.nanoseconds
            let claim = Claim(worker: worker, deployments: deployments, runs: runs, floor: floor.next())
            let leases = try session.run(claim)
            floor.record(leases)
            guard !leases.isEmpty else {
                usleep(1_000 << UInt32(emptyClaims))
                emptyClaims += 1
                report.emptyClaims += 1
                continue
            }
            emptyClaims = 0
            let settled = MonotonicClock.nanoseconds
            report.claimMicroseconds.append(Int32(clamping: (settled - claimed) / 1_000))
            if isLone {
                try workAlone(leases, worker, floor, &session, &report)
            } else {
                try settle(leases, worker, &session, &report)
                report.ended = MonotonicClock.nanoseconds
                report.settleMicroseconds.append(Int32(clamping: (report.ended - settled) / 1_000))
            }
        }
        return report
    }

    /// From one job to the next until the call brings none.
    private func workAlone(
        _ leases: [Lease], _ worker: UUID, _ floor: SharedFloor, _ session: inout Session, _ report: inout DrainReport
    ) throws {
        var jobs = leases.flatMap(\.jobs)
        while let job = jobs.popLast() {
            let started = MonotonicClock.nanoseconds
            let done = JobReport(job: job, result: .scored(.one, usage: nil), duration: .zero)
            let step = SettleAndClaim(worker: worker, report: done, floor: floor.next())
            guard let (answer, next) = try session.run(step).first else { return }
            report.ended = MonotonicClock.nanoseconds
            report.settleMicroseconds.append(Int32(clamping: (report.ended - started) / 1_000))
            report.refused += answer == .accepted ? 0 : 1
            report.jobs[report.ended / 1_000_000_000, default: 0] += answer == .accepted ? 1 : 0
            if let next {
                floor.record([next])
                jobs = next.jobs
            }
        }
    }

    private func settle(
        _ leases: [Lease], _ worker: UUID, _ session: inout Session, _ report: inout DrainReport
    ) throws {
        let reports = leases.flatMap(\.jobs).map {
            JobReport(job: $0, result: .scored(.one, usage: nil), duration: .zero)
        }
        let settlements = try session.run(Settle(worker: worker, finished: leases.map(\.id), reports: reports))
        let accepted = settlements.count { $0 == .accepted }
        report.refused += reports.count - accepted
        report.jobs[MonotonicClock.nanoseconds / 1_000_000_000, default: 0] += accepted
    }
}

enum MonotonicClock {
    static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
