import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// The same contest several times, each in a database of its own.
@Suite struct OrderTests {
    private struct Digests: Hashable, Sendable {
        let verdict: String
        let outcome: String
        let evidence: String
        let used: Int
    }

    /// Scores that depend on miner and task only.
    private static let judge: Judge = { job in
        switch (job.miner, job.task % 7) {
        case ("a", 0), ("b", 3): .modelFault
        case ("a", let rest): .scored(300 + rest)
        case (_, let rest): .scored(700 - rest * 10)
        }
    }

    /// Plays `a` against `b`.
    ///
    /// - Parameters:
    ///   - seed: In which order results arrive; nil leaves it to the queue.
    ///   - atOnce: The reducer looks only when every result is in.
    private func play(curtail: Bool, seed: UInt64?, atOnce: Bool = false) async throws -> Digests {
        try await FreshDatabase.provide(.migrated) {
            try await Stage.with({ $0.curtail = curtail }) { stage in
                let crew = try await stage.crew(try await stage.prepare("ab", count: 20))
                var generator = SeededGenerator(state: seed ?? 0)
                var held: [Report] = []
                while try await stage.verdicts() != ["dethroned"] {
                    try await stage.arena.advance()
                    if atOnce {
                        try await stage.drain(crew, Self.judge)
                    } else if seed == nil {
                        _ = try await crew.work(runs: 1, Self.judge)
                    } else {
                        held += try await claimAll(crew)
                        held.shuffle(using: &generator)
                        _ = try await crew.worker.settle(Array(held.prefix(3)))
                        held.removeFirst(min(3, held.count))
                    }
                }
                return Digests(
                    verdict: try await stage.owner.value("SELECT verdict FROM affine.contest"),
                    outcome: try await stage.owner.value("SELECT encode(outcome_digest, 'hex') FROM affine.contest"),
                    evidence: try await stage.owner.value("SELECT encode(evidence_digest, 'hex') FROM affine.contest"),
                    used: Int(try await stage.owner.value("SELECT sum(decided) FROM affine.contest_environment")) ?? 0)
            }
        }
    }

    private func claimAll(_ crew: Crew) async throws -> [Report] {
        var reports: [Report] = []
        for (miner, deployment) in crew.deployments {
            while case let leases = try await crew.worker.claim(deployment, runs: 100), !leases.isEmpty {
                reports += leases.flatMap { $0.jobs(of: miner) }.map { Report(job: $0, answer: Self.judge($0)) }
            }
        }
        return reports
    }

    @Test("with full stopping neither digest depends on the order in which results arrive")
    func arrival() async throws {
        let first = try await play(curtail: false, seed: nil)
        let second = try await play(curtail: false, seed: 1)
        let third = try await play(curtail: false, seed: 2)
        #expect(first == second)
        #expect(first == third)
        #expect(first.used == 40)
    }

    @Test("stopping early, at whatever moment, leaves verdict and outcome digest as they are with every result in")
    func curtailed() async throws {
        let whole = try await play(curtail: true, seed: nil, atOnce: true)
        let early = try await play(curtail: true, seed: nil)
        let shuffled = try await play(curtail: true, seed: 3)
        #expect(whole.used == 40)
        #expect(early.used < 40 && shuffled.used < 40)
        #expect(Set([whole, early, shuffled].map(\.verdict)) == ["dethroned"])
        #expect(Set([whole, early, shuffled].map(\.outcome)).count == 1)
        #expect(whole.evidence != early.evidence)
    }
}

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
