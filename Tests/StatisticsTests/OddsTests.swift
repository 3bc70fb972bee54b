import Domain
import Statistics
import Testing

@Suite("Odds of a copy")
struct OddsTests {
    @Test("the closed forms and the exact ones are SciPy's, on 1,000 random inputs each")
    func reference() async throws {
        var random = SeededGenerator(seed: 31)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 {
            let bar = try StrictBar(
                tasks: random.int(1...2_000), margin: Score(nano: Int64(random.int(0...100_000_000))))
            let noise = try RerunNoise(standardDeviation: random.number(0.1...0.6), correlation: random.number(0...0.9))
            let step = Score(nano: Int64(random.int(1...1_000_000_000)))
            questions.append(
                (
                    "copies \(bar.tasks) \(bar.margin.nano) \(noise.ofDifference) \(step.nano)",
                    [try CopyOdds.normal(bar, noise: noise), try CopyOdds.normal(bar, noise: noise, step: step)]
                ))
        }
        for _ in 0..<1_000 { questions.append(try Self.walk(&random)) }
        try await Reference.expect(questions)
    }

    @Test("the table of false dethronements is met in every cell", arguments: CopyTable.rows)
    func table(row: CopyTable.Row) throws {
        for (margin, expected) in zip(["0.01", "0.02", "0.03", "0.05"], row.odds) {
            let bar = try StrictBar(tasks: row.tasks, margin: #require(Score(decimal: margin)))
            let noise = try RerunNoise(standardDeviation: row.deviation, correlation: row.correlation)
            let one = try CopyOdds.normal(bar, noise: noise)
            let odds = CopyOdds.everyEnvironment(Array(repeating: one, count: row.environments))
            #expect(CopyTable.agrees(odds, expected), "\(row) at \(margin): \(odds)")
        }
    }

    @Test("copies for an even bet are those of the table, and the smallest number there is", arguments: CopyTable.bets)
    func evenBet(bet: CopyTable.Bet) throws {
        let bar = try StrictBar(tasks: bet.tasks, margin: #require(Score(decimal: bet.margin)))
        let noise = try RerunNoise(standardDeviation: bet.deviation, correlation: bet.correlation)
        let one = try CopyOdds.normal(bar, noise: noise)
        let odds = CopyOdds.everyEnvironment(Array(repeating: one, count: bet.environments))
        let copies = try #require(CopyOdds.copiesForAnEvenBet(odds))
        #expect(abs(Double(copies) - bet.copies) <= max(1, 0.005 * bet.copies), "\(copies)")
        #expect(CopyOdds.atLeastOne(of: copies, odds: odds) >= 0.5)
        #expect(CopyOdds.atLeastOne(of: copies - 1, odds: odds) < 0.5)
        let hundred = CopyOdds.atLeastOne(of: 100, odds: odds)
        #expect(CopyTable.agrees(hundred, bet.ofHundred), "\(hundred)")
    }

    @Test("an even bet at the edges")
    func evenBetEdges() {
        #expect(CopyOdds.copiesForAnEvenBet(0) == nil && CopyOdds.copiesForAnEvenBet(1e-300) == nil)
        #expect(CopyOdds.copiesForAnEvenBet(1) == 1 && CopyOdds.copiesForAnEvenBet(0.5) == 1)
        #expect(CopyOdds.copiesForAnEvenBet(0.2929) == 2 && CopyOdds.copiesForAnEvenBet(0.2928) == 3)
        #expect(CopyOdds.atLeastOne(of: 3, odds: 1) == 1 && CopyOdds.everyEnvironment([]) == 0)
    }

    @Test("the exact odds of scores of 0 and 1 are those of simulated contests, whatever the tasks' difficulties")
    func monteCarlo() throws {
        // Difficulties spread evenly over 0 … 1 give two runs a correlation of 1/3; one that is either settled or a
        // coin a correlation of how often it is settled.
        try check(seed: 41, margin: "0.03", correlation: 1.0 / 3) { $0.fraction() }
        try check(seed: 42, margin: "0.05", correlation: 0.6) { random in
            random.chance(0.6) ? (random.chance(0.5) ? 1 : 0) : 0.5
        }
    }

    @Test("the normal form overstates, by the 15 to 40 % that simulations showed, and the correction repairs that")
    func continuity() throws {
        let bar = try StrictBar(tasks: 200, margin: #require(Score(decimal: "0.03")))
        let noise = try RerunNoise(binaryMean: 0.5, correlation: 0)
        let odds = try [
            CopyOdds.binary(bar, mean: 0.5, correlation: 0), CopyOdds.normal(bar, noise: noise),
            CopyOdds.normal(bar, noise: noise, step: .one),
        ].map { CopyOdds.everyEnvironment(Array(repeating: $0, count: 4)) }
        #expect(CopyTable.agrees(odds[0], 4.4e-3) && CopyTable.agrees(odds[1], 5.7e-3))
        #expect(abs(odds[2] / odds[0] - 1) < 0.02)
    }

    @Test("a copy without noise ties, and a tie keeps the champion")
    func noNoise() throws {
        let noise = try RerunNoise(standardDeviation: 0.5, correlation: 1)
        let bar = try StrictBar(tasks: 300, margin: .zero)
        #expect(try CopyOdds.normal(bar, noise: noise) == 0)
        #expect(try CopyOdds.binary(bar, mean: 0.5, correlation: 1) == 0)
        #expect(try CopyOdds.binary(bar, mean: 1, correlation: 0) == 0)
        // Without margin and with noise a tie is what keeps the odds below one half.
        let odds = try CopyOdds.binary(bar, mean: 0.5, correlation: 0)
        #expect(odds < 0.5 && odds > 0.45)
    }

    @Test("re-run noise is measured by the intraclass correlation, and gives the spread of the difference exactly")
    func rerun() async throws {
        var random = SeededGenerator(seed: 43)
        var questions: [(line: String, values: [Double])] = []
        for _ in 0..<1_000 {
            let pairs = random.pairs(count: random.int(20...60), isBinary: random.chance(0.5))
            let noise = try RerunNoise(measuredBy: PairedSample(pairs))
            questions.append(
                ("rerun \(pairs.line)", [noise.standardDeviation, 1 - noise.correlation, noise.ofDifference]))
        }
        try await Reference.expect(questions)
        let same = try PairedSample(Array(repeating: ScorePair(champion: .one, challenger: .one), count: 5))
        #expect(try RerunNoise(measuredBy: same).ofDifference == 0)
    }

    @Test("what makes no sense is refused by name")
    func refusals() throws {
        let bar = try StrictBar(tasks: 10, margin: .zero)
        let noise = try RerunNoise(standardDeviation: 0.5, correlation: 0)
        #expect(throws: InvalidValue.self) { try StrictBar(tasks: 0, margin: .zero) }
        #expect(throws: InvalidValue.self) { try RerunNoise(standardDeviation: -1, correlation: 0) }
        #expect(throws: InvalidValue.self) { try RerunNoise(standardDeviation: 1, correlation: 1.1) }
        #expect(throws: InvalidValue.self) { try RerunNoise(binaryMean: 2, correlation: 0) }
        #expect(throws: InvalidValue.self) { try CopyOdds.normal(bar, noise: noise, step: .zero) }
        #expect(throws: InvalidValue.self) { try CopyOdds.binary(bar, mean: 0.5, correlation: -0.5) }
    }

    private static func walk(_ random: inout SeededGenerator) throws -> (line: String, values: [Double]) {
        let bar = try StrictBar(
            tasks: random.int(1...150), margin: Score(nano: Int64(random.int(-50_000_000...150_000_000))))
        let (mean, correlation) = (random.fraction(), random.fraction())
        let gain = random.chance(0.5) ? 0 : random.number(-mean...(1 - mean))
        let power = try DetectableGain.binaryPower(bar, gain: gain, mean: mean, correlation: correlation)
        if gain == 0 { #expect(try CopyOdds.binary(bar, mean: mean, correlation: correlation) == power) }
        return ("walk \(bar.tasks) \(bar.margin.nano) \(mean) \(gain) \(correlation)", [power])
    }

    /// Plays contests of one environment and compares with four standard errors of what was counted.
    private func check(
        seed: UInt64, margin: String, correlation: Double, difficulty: (inout SeededGenerator) -> Double
    ) throws {
        var random = SeededGenerator(seed: seed)
        let (contests, tasks) = (20_000, 60)
        let bar = try StrictBar(tasks: tasks, margin: #require(Score(decimal: margin)))
        let needed = Double(tasks) * Double(bar.margin.nano) / 1e9
        let dethroned = (0..<contests).count { _ in
            let lead = (0..<tasks).reduce(0) { lead, _ in
                let success = difficulty(&random)
                return lead + (random.chance(success) ? 1 : 0) - (random.chance(success) ? 1 : 0)
            }
            return Double(lead) > needed
        }
        let odds = try CopyOdds.binary(bar, mean: 0.5, correlation: correlation)
        let error = (odds * (1 - odds) / Double(contests)).squareRoot()
        #expect(abs(Double(dethroned) / Double(contests) - odds) < 4 * error, "\(dethroned) of \(contests), \(odds)")
    }
}
