import Domain
import Statistics
import Testing

@Suite("Detectable gain")
struct DetectableGainTests {
    @Test("the smallest gain is SciPy's, and has the power it was asked for")
    func reference() async throws {
        var random = SeededGenerator(seed: 51)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 {
            let bar = try StrictBar(
                tasks: random.int(1...3_000), margin: Score(nano: Int64(random.int(0...100_000_000))))
            let (deviation, power) = (random.number(0.1...0.9), random.number(0.3...0.99))
            let (alpha, environments) = (random.chance(0.5) ? 0.5 : random.number(0.001...0.4), random.int(1...8))
            let gain = try DetectableGain.smallest(
                bar, differenceDeviation: deviation, power: power, alpha: alpha, environments: environments)
            let reached = try DetectableGain.power(bar, gain: gain, differenceDeviation: deviation)
            questions.append(
                (
                    "gain \(bar.tasks) \(bar.margin.nano) \(deviation) \(power) \(alpha) \(environments)",
                    [gain, reached]
                ))
        }
        try await Reference.expect(questions)
    }

    @Test(
        "tasks needed for power 0.8 are those of the table",
        arguments: [
            (4, 0.5, 0.01, 6_440), (4, 0.5, 0.02, 1_610), (4, 0.5, 0.03, 716), (4, 0.5, 0.05, 258),
            (4, 0.3, 0.01, 2_319),
            (4, 0.3, 0.02, 580), (4, 0.3, 0.03, 258), (4, 0.3, 0.05, 93), (6, 0.5, 0.01, 8_035), (6, 0.5, 0.05, 322),
        ])
    func tasksNeeded(environments: Int, deviation: Double, gap: Double, tasks: Int) throws {
        func gain(_ tasks: Int) throws -> Double {
            let bar = try StrictBar(tasks: tasks, margin: #require(Score(decimal: "0.03")))
            return try DetectableGain.smallest(bar, differenceDeviation: deviation, environments: environments)
        }
        #expect(try gain(tasks) <= 0.03 + gap)
        #expect(try gain(tasks - 1) > 0.03 + gap)
    }

    @Test(
        "the odds of winning every environment are those of the table",
        arguments: [
            (4, 0.3, 0.05, 0.59), (4, 0.5, 0.05, 0.33), (4, 0.5, 0.08, 0.84), (6, 0.5, 0.1, 0.95), (6, 0.7, 0.1, 0.77),
        ])
    func powerTable(environments: Int, deviation: Double, gain: Double, expected: Double) throws {
        let bar = try StrictBar(tasks: 300, margin: #require(Score(decimal: "0.03")))
        let one = try DetectableGain.power(bar, gain: gain, differenceDeviation: deviation)
        let all = CopyOdds.everyEnvironment(Array(repeating: one, count: environments))
        #expect(CopyTable.agrees(all, expected), "\(all)")
    }

    @Test("for scores of 0 and 1 the smallest gain is where the exact power passes the one asked for")
    func binary() throws {
        var random = SeededGenerator(seed: 52)
        for _ in 0..<40 {
            let bar = try StrictBar(tasks: random.int(20...300), margin: #require(Score(decimal: "0.03")))
            let (mean, correlation) = (random.number(0.2...0.7), random.number(0...0.8))
            let found = try DetectableGain.smallestBinary(bar, mean: mean, correlation: correlation, environments: 4)
            let gain = try #require(found)
            let each = 0.8.squareRoot().squareRoot()
            func power(_ gain: Double) throws -> Double {
                try DetectableGain.binaryPower(bar, gain: gain, mean: mean, correlation: correlation)
            }
            #expect(try power(gain) >= each && power(gain - 1e-6) < each)
            let noise = try RerunNoise(binaryMean: mean, correlation: correlation)
            let normal = try DetectableGain.smallest(bar, differenceDeviation: noise.ofDifference, environments: 4)
            #expect(abs(gain - normal) < 0.2 * normal + 1 / Double(bar.tasks), "\(bar) \(mean) \(correlation)")
        }
    }

    @Test("a champion that always succeeds cannot be beaten, and one that is beaten anyway needs no gain")
    func binaryEdges() throws {
        let bar = try StrictBar(tasks: 100, margin: #require(Score(decimal: "0.03")))
        #expect(try DetectableGain.smallestBinary(bar, mean: 1, correlation: 0) == nil)
        #expect(try DetectableGain.smallestBinary(bar, mean: 0.98, correlation: 0.5) == nil)
        let below = try StrictBar(tasks: 100, margin: #require(Score(decimal: "-0.5")))
        #expect(try DetectableGain.smallestBinary(below, mean: 0.5, correlation: 0) == 0)
    }

    @Test("the exact power is that of simulated contests")
    func monteCarlo() throws {
        var random = SeededGenerator(seed: 53)
        let bar = try StrictBar(tasks: 60, margin: #require(Score(decimal: "0.05")))
        // Results correlated by ρ: with the odds of both succeeding, of only one, and of neither.
        let (mean, gain, correlation) = (0.4, 0.15, 0.5)
        let spread = (mean * 0.6 * 0.55 * 0.45).squareRoot()
        let both = mean * 0.55 + correlation * spread
        let contests = 20_000
        let won = (0..<contests).count { _ in
            let lead = (0..<60).reduce(0) { lead, _ in
                let draw = random.fraction()
                return lead + (draw < 0.55 - both ? 1 : draw < 0.55 + mean - 2 * both ? -1 : 0)
            }
            return lead > 3
        }
        let power = try DetectableGain.binaryPower(bar, gain: gain, mean: mean, correlation: correlation)
        let error = (power * (1 - power) / Double(contests)).squareRoot()
        #expect(abs(Double(won) / Double(contests) - power) < 4 * error, "\(won) of \(contests), \(power)")
    }

    @Test("what makes no sense is refused by name")
    func refusals() throws {
        let bar = try StrictBar(tasks: 10, margin: .zero)
        #expect(throws: InvalidValue.self) { try DetectableGain.smallest(bar, differenceDeviation: 0.5, power: 1) }
        #expect(throws: InvalidValue.self) { try DetectableGain.smallest(bar, differenceDeviation: 0.5, alpha: 0) }
        #expect(throws: InvalidValue.self) {
            try DetectableGain.smallest(bar, differenceDeviation: 0.5, environments: 0)
        }
        #expect(throws: InvalidValue.self) { try DetectableGain.power(bar, gain: 0, differenceDeviation: -1) }
        #expect(throws: InvalidValue.self) {
            try DetectableGain.binaryPower(bar, gain: 0.6, mean: 0.5, correlation: 0)
        }
    }
}
