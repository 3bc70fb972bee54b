import Foundation
import Testing

/// Nothing lost, nothing counted twice, and no one in who does not belong, whatever goes wrong.
@Suite(.timeLimit(.minutes(60))) struct ChaosTests {
    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    @Test("under every kind of fault each contest has the digests that it has without, and nobody had to help")
    func survived() async throws {
        let seed = Self.setting("AFFINE_CHAOS_SEED") ?? 1
        let span = Self.setting("AFFINE_CHAOS_MINUTES").map { Duration.seconds($0 * 60) } ?? ChaosRun.shortest
        let plan = ChaosPlan(seed: seed, span: span)
        let most = 4 + Int(span / .seconds(15))
        let disturbed = try await ChaosRun(seed: seed, plan: plan, windows: most).play()
        let calm = try await ChaosRun(seed: seed, plan: nil, windows: disturbed.windows).play()
        print(report(seed, disturbed, calm))

        #expect(disturbed.history.flaws.isEmpty, "seed \(seed): \(disturbed.history.flaws)")
        #expect(calm.history.flaws.isEmpty, "without faults: \(calm.history.flaws)")
        #expect(disturbed.history.contests.count == disturbed.windows * Scenario.minersPerWindow)
        for (one, other) in zip(disturbed.history.contests, calm.history.contests) {
            #expect(one == other, "seed \(seed)")
        }
        #expect(disturbed.history.contests.count == calm.history.contests.count)
        #expect(Set(calm.history.contests.map(\.evidence)).count == calm.history.contests.count)
        #expect(disturbed.surprises.isEmpty, "seed \(seed): \(disturbed.surprises)")
        #expect(calm.surprises.isEmpty && calm.starts == ChaosPlan.workers + ChaosPlan.coordinators)
        for kind in Fault.Kind.allCases {
            let row = disturbed.tally[kind]
            #expect(row.injected > 0 || row.missed > 0 || row.skipped != nil, "\(kind)")
        }
    }

    private func report(_ seed: Int, _ disturbed: ChaosRun.Ended, _ calm: ChaosRun.Ended) -> String {
        let verdicts = disturbed.history.contests.count { $0.verdict == "dethroned" }
        let facts = disturbed.history.facts.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)\n" }.joined()
        return """
            chaos, seed \(seed): \(disturbed.history.contests.count) contests in \(disturbed.windows) windows, \(verdicts) dethroned; \
            \(disturbed.seconds) s, without faults \(calm.seconds) s
            \(disturbed.tally.table)  processes started \(disturbed.starts), by themselves ended \(disturbed.surprises.count)
              tasks asked \(disturbed.calls), without faults \(calm.calls)
            \(facts)
            """
    }
}
