import FoundationEssentials

/// What `af bench queue` found; its members are the keys of its JSON.
struct QueueBenchReport: Encodable {
    struct Percentiles: Encodable {
        var p50: Double
        var p99: Double

        /// Of times in milliseconds.
        init(_ times: [Double]) {
            let sorted = times.sorted()
            p50 = Self.at(0.50, of: sorted)
            p99 = Self.at(0.99, of: sorted)
        }

        private static func at(_ share: Double, of sorted: [Double]) -> Double {
            guard !sorted.isEmpty else { return 0 }
            return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        }
    }

    var machine: String
    var settings: [String]
    var processes: Int
    var connections: Int
    /// `auto`, or jobs.
    var run_length: String
    var runs_per_claim: Int32
    var jobs: Int
    /// Whether each job has exactly one final attempt, there is no other attempt, and nothing is left ready or leased.
    var complete: Bool
    var enqueue_per_s: Double
    var enqueue_3600_ms: Percentiles
    var drain_per_s: Double
    var drain_s: Double
    var claims: Int
    var empty_claims: Int
    var claim_ms: Percentiles
    var settle_ms: Percentiles
    var wal_bytes_per_job: Double
    var server_cpu_us_per_job: Double?
    var dead_tuples: Int64
    /// Jobs settled in each full second since the start.
    var per_second: [Int]

    init(
        benchmark: QueueBenchmark, settings: [String], enqueueTimes: [Duration], drained: DrainReport,
        before: ServerUse,
        after: ServerUse, counts: CountResults.Counts, deadTuples: Int64
    ) {
        let jobs = benchmark.load.jobs
        machine = Machine.description
        self.settings = settings
        processes = benchmark.processes
        connections = benchmark.connections
        run_length = benchmark.load.runLength.map { "\($0)" } ?? "auto"
        runs_per_claim = benchmark.runs
        self.jobs = jobs
        complete =
            counts.finished == jobs && counts.attempts == jobs && counts.ready == 0 && counts.leased == 0
            && drained.refused == 0
        enqueue_per_s = Double(jobs) / enqueueTimes.reduce(0) { $0 + $1 / .seconds(1) }
        enqueue_3600_ms = Percentiles(enqueueTimes.map { $0 / .milliseconds(1) })
        drain_s = Double(drained.ended - drained.began) / 1e9
        drain_per_s = Double(counts.finished) / drain_s
        claims = drained.claimMicroseconds.count
        empty_claims = drained.emptyClaims
        claim_ms = Percentiles(drained.claimMicroseconds.map { Double($0) / 1e3 })
        settle_ms = Percentiles(drained.settleMicroseconds.map { Double($0) / 1e3 })
        wal_bytes_per_job = Double(after.walBytes - before.walBytes) / Double(jobs)
        if let start = before.cpuSeconds, let end = after.cpuSeconds {
            server_cpu_us_per_job = (end - start) * 1e6 / Double(jobs)
        }
        dead_tuples = deadTuples
        per_second = Self.perSecond(drained)
    }

    /// The first and the last second are not whole.
    private static func perSecond(_ drained: DrainReport) -> [Int] {
        let first = drained.began / 1_000_000_000 + 1
        let last = drained.ended / 1_000_000_000
        return first < last ? (first..<last).map { drained.jobs[$0] ?? 0 } : []
    }

    func print() {
        let cpu = server_cpu_us_per_job.map { "\(Self.round($0)) µs" } ?? "unknown: the server is on another machine"
        Output.table([
            ["machine", machine], ["postgres", settings.joined(separator: ", ")],
            ["workers", "\(processes) processes, \(connections) connections each, \(runs_per_claim) runs a claim"],
            ["jobs", "\(jobs) in runs of length \(run_length)"],
            ["complete", complete ? "yes" : "NO: not every job has exactly one final attempt"],
            ["enqueue", "\(Int(enqueue_per_s)) jobs/s; an evaluation of 3600: \(Self.line(enqueue_3600_ms))"],
            ["drain", "\(Int(drain_per_s)) jobs/s in \(Self.round(drain_s)) s"],
            ["claim", "\(Self.line(claim_ms)); \(claims) claims and \(empty_claims) empty ones"],
            ["settle", Self.line(settle_ms)],
            ["server CPU per job", cpu], ["WAL per job", "\(Self.round(wal_bytes_per_job)) bytes"],
            ["dead tuples", "\(dead_tuples)"],
        ])
    }

    private static func line(_ times: Percentiles) -> String {
        "p50 \(round(times.p50)) ms, p99 \(round(times.p99)) ms"
    }
    private static func round(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
