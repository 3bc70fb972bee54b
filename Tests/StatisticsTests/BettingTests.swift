import Domain
import Glibc
import Statistics
import Testing

@Suite("Betting test")
struct BettingTests {
    /// The hardest null: the slate lies exactly at the bar, where the wealth is a fair game. A gambler who stops at the
    /// first moment of success then is wrong in at most alpha of the contests.
    @Test(
        "at the bar, a test that may stop at any task is wrong in at most alpha of the contests",
        arguments: [(0.05, 61), (0.2, 62)])
    func falsePositives(alpha: Double, seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var (wrong, decided) = (0, 0)
        let contests = 3_000
        for _ in 0..<contests {
            let (differences, bar) = try Self.slateAtTheBar(&random)
            let outcome = try Self.play(differences, bar: bar, alpha: alpha)
            wrong += outcome.decision == .above ? 1 : 0
            decided += outcome.decision != nil ? 1 : 0
        }
        #expect(Double(wrong) / Double(contests) <= alpha, "\(wrong) of \(contests)")
        // Not because it never says so: a fair game that may grow 1/alpha-fold sometimes does.
        #expect(wrong > 0 && decided == contests)
    }

    @Test("one step above the bar, it says that the slate is not above in at most alpha of the contests")
    func falseNegatives() throws {
        var random = SeededGenerator(seed: 63)
        let (contests, alpha) = (3_000, 0.1)
        var wrong = 0
        for _ in 0..<contests {
            var (differences, bar) = try Self.slateAtTheBar(&random)
            guard let tie = differences.firstIndex(of: 0) else { continue }
            differences[tie] = 1
            wrong += try Self.play(differences, bar: bar, alpha: alpha).decision == .notAbove ? 1 : 0
        }
        #expect(Double(wrong) / Double(contests) <= alpha, "\(wrong) of \(contests)")
    }

    @Test("a clear difference is seen long before the end, and rightly")
    func stopsEarly() throws {
        var random = SeededGenerator(seed: 64)
        let bar = try StrictBar(tasks: 300, margin: #require(Score(decimal: "0.03")))
        for (win, loss, decision) in [(0.4, 0.1, BettingTest.Decision.above), (0.1, 0.4, .notAbove)] {
            let differences = (0..<300).map { _ in
                let draw = random.fraction()
                return draw < win ? 1 : draw < win + loss ? -1 : 0
            }
            let outcome = try Self.play(differences, bar: bar, alpha: 0.05)
            #expect(outcome.decision == decision && outcome.count < 200, "\(outcome.count)")
        }
    }

    @Test("without a decision by wealth, it is exact curtailment that decides, and always rightly", arguments: 0..<20)
    func certainty(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(700 + seed))
        for _ in 0..<50 {
            let tasks = random.int(1...12)
            let bar = try StrictBar(tasks: tasks, margin: Score(nano: Int64(random.int(-2...4)) * 125_000_000))
            let differences = (0..<tasks).map { _ in random.int(-1...1) }
            // No wealth reaches this within a dozen bets.
            let outcome = try Self.play(differences, bar: bar, alpha: 1e-12)
            let isAbove = differences.reduce(0, +) * 1_000_000_000 > tasks * Int(bar.margin.nano)
            #expect(outcome.decision == (isAbove ? .above : .notAbove))
        }
    }

    @Test("the wealth is what the published formulas give, step by step")
    func formulas() throws {
        var random = SeededGenerator(seed: 65)
        let bar = try StrictBar(tasks: 40, margin: #require(Score(decimal: "0.03")))
        var test = try BettingTest(bar: bar, bounds: Self.bounds(), alpha: 0.01)
        var reference = Wealth(tasks: 40, margin: 0.03, alpha: 0.01)
        for position in 0..<30 {
            let difference = random.int(-1...1)
            try test.add(champion: Self.champion(difference), challenger: Self.challenger(difference), at: position)
            reference.add(Double(difference))
            #expect(abs(test.logWealthAbove - reference.above) < 1e-9)
            #expect(abs(test.logWealthNotAbove - reference.notAbove) < 1e-9)
        }
    }

    @Test("a gap, a repetition, a task too many and a score outside the bounds are refused and change nothing")
    func order() throws {
        let bar = try StrictBar(tasks: 2, margin: .zero)
        var test = try BettingTest(bar: bar, bounds: Self.bounds(), alpha: 0.05)
        #expect(throws: InvalidValue.self) { try test.add(champion: .zero, challenger: .one, at: 1) }
        #expect(throws: InvalidValue.self) {
            try test.add(champion: .zero, challenger: Score(nano: 2_000_000_000), at: 0)
        }
        let untouched = try BettingTest(bar: bar, bounds: Self.bounds(), alpha: 0.05)
        #expect(test == untouched)
        try test.add(champion: .zero, challenger: .one, at: 0)
        #expect(throws: InvalidValue.self) { try test.add(champion: .zero, challenger: .one, at: 0) }
        try test.add(champion: .one, challenger: .zero, at: 1)
        #expect(test.decision == .notAbove)
        #expect(throws: InvalidValue.self) { try test.add(champion: .zero, challenger: .one, at: 2) }
        #expect(throws: InvalidValue.self) { try BettingTest(bar: bar, bounds: Self.bounds(), alpha: 0) }
    }

    @Test("a bar that no score can clear is decided before the first task")
    func hopeless() throws {
        let bar = try StrictBar(tasks: 5, margin: .one)
        #expect(try BettingTest(bar: bar, bounds: Self.bounds(), alpha: 0.05).decision == .notAbove)
    }

    /// Wins and losses in random order whose difference is N·m exactly.
    private static func slateAtTheBar(_ random: inout SeededGenerator) throws -> ([Int], StrictBar) {
        let (losses, lead, ties) = (random.int(5...25), random.int(0...4), random.int(1...30))
        let ordered =
            Array(repeating: 1, count: losses + lead) + Array(repeating: -1, count: losses)
            + Array(repeating: 0, count: ties)
        // A length that divides lead · 10⁹ nano-units is not needed: pad with ties until it does.
        var padded = ordered
        while lead * 1_000_000_000 % padded.count != 0 { padded.append(0) }
        let bar = try StrictBar(
            tasks: padded.count, margin: Score(nano: Int64(lead * 1_000_000_000 / padded.count)))
        return (random.permutation(of: padded.count).map { padded[$0] }, bar)
    }

    /// Feeds the slate until there is a decision.
    private static func play(_ differences: [Int], bar: StrictBar, alpha: Double) throws -> BettingTest {
        var test = try BettingTest(bar: bar, bounds: bounds(), alpha: alpha)
        for (position, difference) in differences.enumerated() where test.decision == nil {
            try test.add(champion: champion(difference), challenger: challenger(difference), at: position)
        }
        return test
    }

    private static func bounds() throws -> ScoreBounds { try #require(ScoreBounds(lo: .zero, hi: .one)) }
    private static func champion(_ difference: Int) -> Score { difference < 0 ? .one : .zero }
    private static func challenger(_ difference: Int) -> Score { difference > 0 ? .one : .zero }
}

/// The formulas as they stand in the documentation, for scores in [0, 1], in plain floating point.
private struct Wealth {
    let tasks: Double, margin: Double, alpha: Double
    var above = 0.0, notAbove = 0.0
    private var seen: [Double] = []

    init(tasks: Double, margin: Double, alpha: Double) {
        (self.tasks, self.margin, self.alpha) = (tasks, margin, alpha)
    }

    mutating func add(_ difference: Double) {
        let t = Double(seen.count + 1)
        let z = (difference + 1) / 2
        let mu = (tasks * (margin + 1) / 2 - seen.reduce(0, +)) / (tasks - t + 1)
        var spread = 0.25
        var sum = 0.5
        for (index, value) in seen.enumerated() {
            sum += value
            let mean = sum / Double(index + 2)
            spread += (value - mean) * (value - mean)
        }
        let size = (2 * log(2 / alpha) / (spread / t * t * log(1 + t))).squareRoot()
        above += log(1 + min(size, 0.75 / mu) * (z - mu))
        notAbove += log(1 - min(size, 0.75 / (1 - mu)) * (z - mu))
        seen.append(z)
    }
}
