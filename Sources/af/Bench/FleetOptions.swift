import ArgumentParser

/// How simulated workers behave; given to `bench fleet`, and by it to its processes.
struct FleetOptions: ParsableArguments {
    @Option(help: "Connections of each process, which all its workers share.")
    var connections = 64
    @Option(help: "Seconds that a worker holds a run, on average; drawn evenly between half and one and a half of it.")
    var hold = 20.0
    @Option(
        help: "Seconds without a heartbeat after which a worker's jobs go to others; heartbeats come every quarter.")
    var ttl = 60
    @Option(help: "Share of the claims after which the worker disappears without a word.")
    var crash = 0.01
    @Option(help: "Share of the claims after which the worker falls silent for too long, then settles.")
    var stall = 0.01
    @Option(help: "Share of the settles that are sent twice.")
    var resend = 0.05
    @Option(help: "Decides what is drawn.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (1...1_000).contains(connections) else {
            throw ValidationError("--connections '\(connections)' is not valid: expected 1 to 1000")
        }
        guard (0.001...3_600).contains(hold) else {
            throw ValidationError("--hold '\(hold)' is not valid: expected 0.001 to 3600")
        }
        guard (1...600).contains(ttl) else { throw ValidationError("--ttl '\(ttl)' is not valid: expected 1 to 600") }
        for (name, value) in [("--crash", crash), ("--stall", stall), ("--resend", resend)]
        where !(0...0.5).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 0 to 0.5")
        }
    }

    var arguments: [String] {
        [
            "--connections", "\(connections)", "--hold", "\(hold)", "--ttl", "\(ttl)", "--crash", "\(crash)", "--stall",
            "\(stall)", "--resend", "\(resend)", "--seed", "\(seed)",
        ]
    }
}

/// Draws that are the same for the same worker of the same seed (SplitMix64); they decide no verdict.
struct FleetDraws: Sendable {
    private var state: UInt64

    init(seed: UInt64, worker: Int) {
        state = seed &* 0xD129_0D65_9E8B_3A47 &+ UInt64(worker) &* 0x9FB2_1C65_1E98_DF25
        _ = fraction()
    }

    /// In 0..<1.
    mutating func fraction() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((word ^ (word >> 31)) >> 11) / 9_007_199_254_740_992
    }

    mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        .seconds(range.lowerBound + (range.upperBound - range.lowerBound) * fraction())
    }
}
