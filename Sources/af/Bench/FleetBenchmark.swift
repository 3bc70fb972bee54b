import FoundationEssentials
import Postgres
import Subprocess
import SystemPackage

/// Seeds, lets a fleet of simulated workers loose, does a coordinator's duties meanwhile, and counts.
struct FleetBenchmark: Sendable {
    let database: BenchDatabase
    let load: QueueLoad
    let workers: Int
    let processes: Int
    let poolSize: Int
    let behaviour: FleetOptions

    private enum Part: Sendable {
        case crew(CrewReport)
        case duties
    }

    /// What the run took, from the signal to start until every job was settled.
    struct Cost: Sendable {
        var seconds: Double
        var serverCPUSeconds: Double?
        var poolerCPUSeconds: Double?
    }

    func run() async throws -> FleetReport {
        let owner = database.owner
        try await load.seed(owner)
        _ = try await load.enqueue(owner)
        try await owner.withSession { try $0.execute("VACUUM ANALYZE") }
        try await owner.withSession { try $0.execute("CHECKPOINT") }
        let (crews, cost) = try await play()
        guard let counts = try await owner.run(CountResults()).first,
            let audit = try await owner.run(AuditFleet()).first
        else { throw CommandError("the results could not be counted") }
        return FleetReport(
            benchmark: self, server: try await owner.run(ServerSettings()), crews: crews, cost: cost, counts: counts,
            audit: audit)
    }

    private func play() async throws -> (CrewReport, Cost) {
        try await withThrowingTaskGroup(of: Part.self) { group in
            for process in 0..<processes { group.addTask { .crew(try await crew(process)) } }
            try await untilRegistered()
            let started = ContinuousClock.now
            let before = try await ServerUse.now(database.owner).cpuSeconds
            let poolerBefore = database.pooler.flatMap(ProcessTimes.of)
            try await signal(FleetSignals.start)
            group.addTask {
                try await keepRescuing()
                return .duties
            }
            group.addTask {
                try await showProgress(since: started)
                return .duties
            }
            try await untilDrained()
            var cost = Cost(seconds: (.now - started) / .seconds(1))
            if let before, let after = try await ServerUse.now(database.owner).cpuSeconds {
                cost.serverCPUSeconds = after - before
            }
            if let poolerBefore, let after = database.pooler.flatMap(ProcessTimes.of) {
                cost.poolerCPUSeconds = after - poolerBefore
            }
            try await signal(FleetSignals.end)
            var report = CrewReport()
            var left = processes
            while left > 0, let part = try await group.next() {
                guard case .crew(let share) = part else { continue }
                report.merge(share)
                left -= 1
            }
            group.cancelAll()
            return (report, cost)
        }
    }

    private func crew(_ number: Int) async throws -> CrewReport {
        let first = workers * number / processes
        let count = workers * (number + 1) / processes - first
        let record = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: Arguments(
                ["bench", "crew", "--first", "\(first)", "--workers", "\(count)"] + behaviour.arguments
                    + (database.isPooled ? ["--pooled"] : [])),
            environment: .inherit.updating(["AFFINE_DATABASE_URL": database.workerURL]),
            output: .string(limit: 1 << 28), error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        guard record.terminationStatus.isSuccess else {
            throw CommandError("a process of workers ended with \(record.terminationStatus)")
        }
        return try JSONDecoder().decode(CrewReport.self, from: Data(record.standardOutput.utf8))
    }

    private func signal(_ name: String) async throws {
        try await database.owner.withSession { try $0.execute("CREATE TABLE \(name) ()") }
    }

    /// All ids are known before the clock starts.
    private func untilRegistered() async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let registered = try await database.owner.run(CountWorkers()).first ?? 0
            if registered >= workers { return }
            guard .now < deadline else {
                throw CommandError("\(registered) of \(workers) workers registered within two minutes")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Every evaluation has ended, or it has taken far longer than it may.
    private func untilDrained() async throws {
        let turns = Double(load.jobs / workers) + 4
        let longest = Duration.seconds(turns * behaviour.hold * 3 + Double(behaviour.ttl) * 5 + 120)
        let deadline = ContinuousClock.now + longest
        while .now < deadline {
            _ = try await database.owner.run(EndDrainedEvaluations())
            if try await database.owner.run(CountRunning()).first == 0 { return }
            try await Task.sleep(for: .milliseconds(250))
        }
        StandardError.write("not drained within \(longest): giving up\n")
    }

    /// A coordinator's duty each second.
    private func keepRescuing() async throws {
        while !Task.isCancelled {
            do {
                _ = try await database.owner.run(Rescue())
                try await Task.sleep(for: .seconds(1))
            } catch is CancellationError {
            } catch let error as PostgresError where error.code == .cancelled {
            }
        }
    }

    private func showProgress(since started: ContinuousClock.Instant) async throws {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .seconds(5))
                guard let queue = try await database.owner.run(LookAtQueue()).first else { continue }
                let seconds = Int((.now - started) / .seconds(1))
                StandardError.write(
                    "\(seconds) s: \(queue.ready) of \(load.jobs) jobs wait, \(queue.leases) leases held\n")
            } catch is CancellationError {
            } catch let error as PostgresError where error.code == .cancelled {
            }
        }
    }
}

private struct CountWorkers: Statement {
    static let sql = "SELECT count(*) FROM affine.worker"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct CountRunning: Statement {
    static let sql = "SELECT count(*) FROM affine.evaluation WHERE state = 'running'"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct Rescue: Statement {
    static let sql = "SELECT affine.rescue()"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

private struct LookAtQueue: Statement {
    static let sql = """
        SELECT (SELECT COALESCE(sum(to_position - from_position + 1), 0)::bigint FROM affine.ready),
               (SELECT count(*) FROM affine.lease)
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (ready: Int64, leases: Int64) {
        (try row.next(), try row.next())
    }
}

/// What the tables say of the faults.
struct AuditFleet: Statement {
    static let sql = """
        SELECT count(*) FILTER (WHERE final AND outcome = 'scored'), count(*) FILTER (WHERE error_code = 'lease_lost'),
               (SELECT COALESCE(sum(jsonb_array_length(detail -> 'positions')), 0)::bigint FROM affine.event
                WHERE kind = 'job.fenced')
        FROM affine.attempt WHERE evaluation > 0
        """
    struct Audit: Sendable {
        var scored: Int64
        var rescued: Int64
        var fenced: Int64
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Audit {
        Audit(scored: try row.next(), rescued: try row.next(), fenced: try row.next())
    }
}
