import Domain
import FoundationEssentials
import Postgres
import Subprocess
import SystemPackage

/// Seeds, enqueues, drains and counts.
struct QueueBenchmark: Sendable {
    let database: BenchDatabase
    let load: QueueLoad
    let processes: Int
    let connections: Int
    let runs: Int32
    /// One job at a time on each connection.
    let isLone: Bool
    let pinSeconds: Int?

    private enum Part: Sendable {
        case drained(DrainReport)
        case other
    }

    func run() async throws -> QueueBenchReport {
        let owner = database.owner
        try await load.seed(owner)
        let enqueueTimes = try await load.enqueue(owner)
        try await owner.withSession { try $0.execute("VACUUM ANALYZE") }
        try await owner.withSession { try $0.execute("CHECKPOINT") }
        let before = try await ServerUse.now(owner)
        let drained = try await drain()
        let after = try await ServerUse.now(owner)
        // The server's sessions hand in what they counted a moment after they end.
        let deadTuples = try await owner.run(DeadTuples()).first ?? 0
        guard let counts = try await owner.run(CountResults()).first else {
            throw CommandError("the results could not be counted")
        }
        return QueueBenchReport(
            benchmark: self, settings: try await owner.run(ServerSettings()), enqueueTimes: enqueueTimes,
            drained: drained, before: before, after: after, counts: counts, deadTuples: deadTuples)
    }

    private func drain() async throws -> DrainReport {
        try await withThrowingTaskGroup(of: Part.self) { group in
            for _ in 0..<processes { group.addTask { .drained(try await process()) } }
            try await openGate()
            if let pinSeconds {
                group.addTask {
                    try await pin(seconds: pinSeconds)
                    return .other
                }
            }
            group.addTask {
                try await endDrainedEvaluations()
                return .other
            }
            var report = DrainReport()
            var left = processes
            while left > 0, let part = try await group.next() {
                guard case .drained(let share) = part else { continue }
                report.merge(share)
                left -= 1
            }
            group.cancelAll()
            return report
        }
    }

    private func process() async throws -> DrainReport {
        let record = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: Arguments(
                ["bench", "drain", "--connections", "\(connections)", "--runs", "\(runs)"] + (isLone ? ["--lone"] : [])),
            environment: .inherit.updating(["AFFINE_DATABASE_URL": database.workerURL]),
            output: .string(limit: 1 << 28), error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        guard record.terminationStatus.isSuccess else {
            throw CommandError("a worker process ended with \(record.terminationStatus)")
        }
        return try JSONDecoder().decode(DrainReport.self, from: Data(record.standardOutput.utf8))
    }

    /// Lets all connections of all processes begin in the same moment.
    private func openGate() async throws {
        let wanted = Int64(processes * connections)
        try await database.owner.withSession { session in
            try session.execute("SELECT pg_advisory_lock(\(QueueDrain.gate))")
            let deadline = ContinuousClock.now + .seconds(60)
            while try session.run(WaitingAtGate()).first ?? 0 < wanted {
                guard .now < deadline else { throw CommandError("the worker processes did not start") }
                try session.execute("SELECT pg_sleep(0.02)")
            }
            try session.execute("SELECT pg_advisory_unlock(\(QueueDrain.gate))")
        }
    }

    /// What a forgotten session or a long report does to a server.
    private func pin(seconds: Int) async throws {
        do {
            try await database.owner.transaction(.repeatableRead) { session in
                try session.execute("SELECT pg_current_xact_id(); SELECT pg_sleep(\(seconds))")
            }
        } catch let error as PostgresError where error.code == .cancelled {
            // All is drained.
        }
    }

    private func endDrainedEvaluations() async throws {
        do {
            while true {
                try await Task.sleep(for: .milliseconds(250))
                _ = try await database.owner.run(EndDrainedEvaluations())
            }
        } catch is CancellationError {
        } catch let error as PostgresError where error.code == .cancelled {
        }
    }
}

private struct WaitingAtGate: Statement {
    static let sql =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(QueueDrain.gate) AND NOT granted"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
