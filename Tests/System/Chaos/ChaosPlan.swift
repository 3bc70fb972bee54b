import TestSupport

/// One thing that goes wrong, and what of.
struct Fault: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case workerKilled = "worker killed"
        case workerFrozen = "worker frozen beyond its ttl"
        case workerClockJumps = "worker's clock set ahead and back"
        case coordinatorKilled = "coordinator killed"
        case coordinatorFrozen = "coordinator frozen"
        case postmasterKilled = "postmaster killed"
        case serverCrashed = "Postgres stopped as by a power cut"
        case poolerKilled = "PgBouncer killed"
        case connectionsCut = "connections terminated"
        case settleCut = "connection terminated in a settle"
        case decisionCut = "connection terminated in a step"
        case environmentSlow = "environment slow"
        case environmentStuck = "environment stuck"
        case environmentFails = "environment hangs up"
        case diskFull = "disk of Postgres full"

        /// How many there are that it can happen to.
        var victims: Int {
            switch self {
            case .workerKilled, .workerFrozen, .workerClockJumps: ChaosPlan.workers
            case .coordinatorKilled, .coordinatorFrozen: ChaosPlan.coordinators
            default: 1
            }
        }

        /// How long it may last; of what is over at once, how long nobody repairs it.
        var milliseconds: ClosedRange<Int> {
            switch self {
            case .workerFrozen: 4_000...6_000
            case .workerClockJumps, .coordinatorFrozen, .environmentStuck: 2_000...6_000
            case .postmasterKilled, .serverCrashed, .poolerKilled: 0...2_500
            case .settleCut, .decisionCut, .environmentSlow, .environmentFails, .diskFull: 1_000...3_000
            case .workerKilled, .coordinatorKilled, .connectionsCut: 0...0
            }
        }
    }

    var kind: Kind
    /// Counted from 0.
    var victim: Int
    /// After the start.
    var moment: Duration
    var duration: Duration
}

/// What goes wrong when. The same seed is the same plan; a longer one begins with the shorter.
struct ChaosPlan: Equatable, Sendable {
    static let workers = 3
    static let coordinators = 2
    /// Of workers, in seconds; a frozen one sleeps longer.
    static let timeToLive = 3

    let faults: [Fault]

    /// Every kind comes up once before any comes up again.
    init(seed: Int, span: Duration) {
        var random = SeededRandom(seed: seed)
        var faults: [Fault] = []
        var deck: [Fault.Kind] = []
        var moment = Duration.seconds(3)
        while moment < span {
            if deck.isEmpty { deck = random.shuffled(Fault.Kind.allCases) }
            let kind = deck.removeLast()
            faults.append(
                Fault(
                    kind: kind, victim: random.int(0...kind.victims - 1), moment: moment,
                    duration: .milliseconds(random.int(kind.milliseconds))))
            moment += .milliseconds(random.int(1_000...3_000))
        }
        self.faults = faults
    }
}
