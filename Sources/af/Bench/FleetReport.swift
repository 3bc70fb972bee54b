/// What `af bench fleet` found; its members are the keys of its JSON.
struct FleetReport: Encodable {
    typealias Percentiles = QueueBenchReport.Percentiles

    var machine: String
    var settings: [String]
    var workers: Int
    var jobs: Int
    /// Whether each job has one final attempt, by the tables, and nothing is left ready or leased.
    var complete: Bool
    /// Whether, besides, each job's result was accepted from one worker, and every refusal and repetition was answered as such.
    var exactly_once: Bool
    var seconds: Double
    var claims: Int
    var claim_ms: Percentiles
    var claim_session_ms: Percentiles
    var empty_claims: Int
    var settle_ms: Percentiles
    var heartbeat_ms: Percentiles
    var heartbeats: Int
    var heartbeats_refused: Int
    var claims_refused: Int
    var crashes: Int
    var stalls: Int
    var resends: Int
    var refused_late: Int
    var accepted_late: Int
    var refused_in_time: Int
    var rescued: Int64
    var retries: Int
    var server_cpu_cores: Double?
    var pooler_cpu_cores: Double?

    init(
        benchmark: FleetBenchmark, server: [String], crews: CrewReport, cost: FleetBenchmark.Cost,
        counts: CountResults.Counts, audit: AuditFleet.Audit
    ) {
        let jobs = benchmark.load.jobs
        machine = Machine.description
        settings = server + Self.settings(benchmark)
        workers = benchmark.workers
        self.jobs = jobs
        complete = counts.finished == jobs && counts.ready == 0 && counts.leased == 0
        exactly_once =
            complete && crews.accepted == jobs && audit.scored == jobs && crews.resendsMistaken == 0
            && audit.fenced == crews.refusedLate + crews.refusedInTime
        seconds = cost.seconds
        claims = crews.claimMicroseconds.count
        claim_ms = Self.milliseconds(crews.claimMicroseconds)
        claim_session_ms = Self.milliseconds(crews.claimSessionMicroseconds)
        empty_claims = crews.emptyClaims
        settle_ms = Self.milliseconds(crews.settleMicroseconds)
        heartbeat_ms = Self.milliseconds(crews.heartbeatMicroseconds)
        heartbeats = crews.heartbeatMicroseconds.count
        heartbeats_refused = crews.heartbeatsRefused
        claims_refused = crews.claimsRefused
        crashes = crews.crashes
        stalls = crews.stalls
        resends = crews.resends
        refused_late = crews.refusedLate
        accepted_late = crews.acceptedLate
        refused_in_time = crews.refusedInTime
        rescued = audit.rescued
        retries = crews.retries
        server_cpu_cores = cost.serverCPUSeconds.map { $0 / cost.seconds }
        pooler_cpu_cores = cost.poolerCPUSeconds.map { $0 / cost.seconds }
    }

    private static func settings(_ benchmark: FleetBenchmark) -> [String] {
        let behaviour = benchmark.behaviour
        let pooler =
            benchmark.database.pooler != nil
            ? "pgbouncer pool of \(benchmark.poolSize)"
            : benchmark.database.isPooled ? "a pooler of others" : "no pooler"
        return [
            pooler, "processes \(benchmark.processes)", "connections \(behaviour.connections) each",
            "hold \(behaviour.hold) s", "ttl \(behaviour.ttl) s",
            "crash \(behaviour.crash)", "stall \(behaviour.stall)", "resend \(behaviour.resend)",
            "seed \(behaviour.seed)",
        ]
    }

    private static func milliseconds(_ microseconds: [Int32]) -> Percentiles {
        Percentiles(microseconds.map { Double($0) / 1e3 })
    }

    func print() {
        Output.table([
            ["machine", machine], ["settings", settings.joined(separator: ", ")],
            ["jobs", "\(jobs) by \(workers) workers in \(Self.round(seconds)) s"],
            ["complete", complete ? "yes" : "NO: not every job has one final attempt"],
            ["exactly once", exactly_once ? "yes" : "NO: what workers were told and what the tables hold differ"],
            ["claim", "\(Self.line(claim_ms)); \(claims) claims and \(empty_claims) empty ones"],
            ["claim, connection in hand", Self.line(claim_session_ms)], ["settle", Self.line(settle_ms)],
            ["heartbeat", "\(Self.line(heartbeat_ms)); \(heartbeats), \(heartbeats_refused) refused"],
            ["faults", "\(crashes) crashes, \(stalls) stalls, \(resends) reports sent twice, \(rescued) jobs rescued"],
            [
                "late reports",
                "\(refused_late) jobs refused, \(accepted_late) accepted; in time: \(refused_in_time) refused",
            ],
            ["claims refused", "\(claims_refused)"], ["statements sent again", "\(retries)"],
            ["server CPU", Self.cores(server_cpu_cores)], ["pooler CPU", Self.cores(pooler_cpu_cores)],
        ])
    }

    private static func cores(_ cores: Double?) -> String { cores.map { "\(round($0)) cores" } ?? "unknown" }
    private static func line(_ times: Percentiles) -> String {
        "p50 \(round(times.p50)) ms, p99 \(round(times.p99)) ms"
    }
    private static func round(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
