import Domain
import EnvironmentCalls
import FoundationEssentials
import Postgres
import Worker

/// One worker that does no work: it claims, holds, settles and sends heartbeats under an id of its own, and misbehaves now and
/// then. Whoever crashed or stalled goes on under a new id.
struct SimulatedWorker: Sendable {
    private enum End {
        case over, crashed, givenUp
        case stalled([Lease])
    }

    private enum Step: Sendable { case beat, ended }

    private var id: UUID
    private var draws: FleetDraws
    private var floor = ClaimFloor()
    private let behaviour: FleetOptions
    private let database: Database
    private let deployments: [DeploymentID]
    private let signals: FleetSignals
    private let tally: CrewTally

    init(
        id: UUID, number: Int, behaviour: FleetOptions, database: Database, deployments: [DeploymentID],
        signals: FleetSignals, tally: CrewTally
    ) {
        self.id = id
        self.behaviour = behaviour
        self.database = database
        self.deployments = deployments
        self.signals = signals
        self.tally = tally
        draws = FleetDraws(seed: behaviour.seed, worker: number)
    }

    static func registration(_ id: UUID, _ behaviour: FleetOptions) -> RegisterWorker {
        RegisterWorker(
            worker: id, label: "fleet", lane: "endpoint", concurrency: 1,
            ttlMilliseconds: Int32(behaviour.ttl * 1_000))
    }

    /// Until the signal to end.
    mutating func run() async throws {
        // Workers of a fleet do not march in step.
        var phase = draws.seconds(0...behaviour.hold)
        while true {
            let end = try await live(startingAfter: phase)
            switch end {
            case .over: return
            case .crashed: tally.note { $0.crashes += 1 }
            case .givenUp: tally.note { $0.claimsRefused += 1 }
            case .stalled(let leases):
                tally.note { $0.stalls += 1 }
                let ttl = Double(behaviour.ttl)
                try await Task.sleep(for: draws.seconds(ttl...ttl * 1.5))
                try await settle(leases, isLate: true)
            }
            id = UUID()
            phase = .zero
            _ = try await answered { [id, behaviour, database] in
                try await database.run(Self.registration(id, behaviour))
            }
        }
    }

    /// The life of one id: works while another task sends the heartbeats.
    private mutating func live(startingAfter phase: Duration) async throws -> End {
        let beating = Heartbeats(
            id: id, every: .seconds(behaviour.ttl) / 4, phase: draws.seconds(0...Double(behaviour.ttl) / 4),
            database: database, tally: tally)
        let start = self
        let (end, after) = try await withThrowingTaskGroup(of: (End, SimulatedWorker)?.self) { group in
            group.addTask {
                try await beating.run()
                return nil
            }
            group.addTask {
                var worker = start
                try await Task.sleep(for: phase)
                return (try await worker.work(), worker)
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let ended { return ended }
            }
            throw CancellationError()
        }
        self = after
        return end
    }

    private mutating func work() async throws -> End {
        var emptyClaims = 0
        var watch = IdleWatch()
        while !signals.hasEnded {
            let leases: [Lease]
            do { leases = try await claim() } catch let error as PostgresError where error.sqlState == "AF003" {
                return .givenUp
            }
            guard !leases.isEmpty else {
                emptyClaims += 1
                // 0.5 s, 1 s … up to 5 s, and between half of that and all of it.
                let longest = min(0.5 * Double(1 << min(emptyClaims - 1, 4)), 5)
                repeat {
                    try await Task.sleep(for: draws.seconds(longest / 2...longest))
                } while try await !watch.isWorthClaiming(queueVersion()) && !signals.hasEnded
                continue
            }
            emptyClaims = 0
            let fate = draws.fraction()
            if fate < behaviour.crash { return .crashed }
            if fate < behaviour.crash + behaviour.stall { return .stalled(leases) }
            try await Task.sleep(for: draws.seconds(behaviour.hold / 2...behaviour.hold * 1.5))
            try await settle(leases, isLate: false)
        }
        return .over
    }

    private func queueVersion() async throws -> Int64 {
        try await answered { [database] in try await database.run(QueueVersion()).first ?? 0 }
    }

    private mutating func claim() async throws -> [Lease] {
        let claim = Claim(worker: id, deployments: deployments, runs: 1, floor: floor.next())
        let asked = MonotonicClock.nanoseconds
        let (leases, session) = try await answered { [database] in
            try await database.withSession { session in
                let lent = MonotonicClock.nanoseconds
                return (try session.run(claim), MonotonicClock.nanoseconds - lent)
            }
        }
        let whole = MonotonicClock.nanoseconds - asked
        floor.record(leases)
        tally.note { report in
            guard !leases.isEmpty else { return report.emptyClaims += 1 }
            report.claimMicroseconds.append(Int32(clamping: whole / 1_000))
            report.claimSessionMicroseconds.append(Int32(clamping: session / 1_000))
        }
        return leases
    }

    private mutating func settle(_ leases: [Lease], isLate: Bool) async throws {
        let reports = leases.flatMap(\.jobs).map {
            JobReport(job: $0, result: .scored(.one, usage: nil), duration: .zero)
        }
        let settle = Settle(worker: id, finished: leases.map(\.id), reports: reports)
        let asked = MonotonicClock.nanoseconds
        var isFirst = true
        // What an answer that was lost had accepted is answered `duplicate` when it is asked for again.
        let answers = try await answered { [database] in
            defer { isFirst = false }
            return try await database.run(settle).map { isFirst ? $0 : $0 == .duplicate ? .accepted : $0 }
        }
        let took = Int32(clamping: (MonotonicClock.nanoseconds - asked) / 1_000)
        let accepted = answers.count { $0 == .accepted }
        tally.note { report in
            report.settleMicroseconds.append(took)
            report.accepted += accepted
            if isLate {
                report.acceptedLate += accepted
                report.refusedLate += answers.count - accepted
            } else {
                report.refusedInTime += answers.count - accepted
            }
        }
        guard accepted == answers.count, draws.fraction() < behaviour.resend else { return }
        let again = try await answered { [database] in try await database.run(settle) }
        tally.note { report in
            report.resends += 1
            if again.contains(where: { $0 != .duplicate }) { report.resendsMistaken += 1 }
        }
    }

    /// Asks again while the database is away or busy.
    private func answered<Value>(_ body: () async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where error.isRetryable || error.code == .timedOut {
                tally.note { $0.retries += 1 }
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

/// Says every so often that a worker lives, until cancelled.
private struct Heartbeats: Sendable {
    let id: UUID
    let every: Duration
    let phase: Duration
    let database: Database
    let tally: CrewTally

    func run() async throws {
        var next = ContinuousClock.now + phase
        while !Task.isCancelled {
            try await Task.sleep(until: next)
            next += every
            let sent = MonotonicClock.nanoseconds
            do {
                let isKnown = try await database.run(Heartbeat(worker: id)).first ?? false
                let took = Int32(clamping: (MonotonicClock.nanoseconds - sent) / 1_000)
                tally.note { report in
                    report.heartbeatMicroseconds.append(took)
                    if !isKnown { report.heartbeatsRefused += 1 }
                }
            } catch let error as PostgresError where error.isRetryable || error.code == .timedOut {
                tally.note { $0.retries += 1 }
            }
        }
    }
}
