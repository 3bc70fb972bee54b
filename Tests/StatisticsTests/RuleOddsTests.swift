import Domain
import Rules
import Statistics
import Testing

@Suite("Odds under a rule")
struct RuleOddsTests {
    @Test("four environments of 200 coin-like tasks at .03 let one copy in 228 win, as the exact form says")
    func knownCase() throws {
        let estimate = try NoiseEstimate(assumedMean: 0.5, correlation: 0)
        let odds = try RuleOdds(rule: Self.rule(environments: 4), estimates: Self.all(4, estimate))
        let exact = try CopyOdds.binary(Self.bar, mean: 0.5, correlation: 0)
        #expect(abs(odds.copy / CopyOdds.everyEnvironment([exact, exact, exact, exact]) - 1) < 0.02)
        #expect(odds.copiesForAnEvenBet == CopyOdds.copiesForAnEvenBet(odds.copy))
        let gain = try DetectableGain.smallest(
            Self.bar, differenceDeviation: 0.5.squareRoot(), power: 0.8, environments: 4)
        #expect(odds.environments.allSatisfy { abs($0.smallestGain - gain) < 1e-12 })
    }

    @Test("the odds under a confidence bound are those of simulated copies that the rule itself decides")
    func confidence() throws {
        let rule = try Self.rule(environments: 1, confidence: ConfidenceBound(criticalMicro: 1_000_000))
        let estimate = try NoiseEstimate(assumedMean: 0.5, correlation: 0)
        let odds = try RuleOdds(rule: rule, estimates: Self.all(1, estimate)).copy
        var random = SeededGenerator(seed: 77)
        let contests = 4_000
        var won = 0
        for _ in 0..<contests {
            won += try Self.copy(under: rule, &random).decide().decision == .dethroned ? 1 : 0
        }
        let share = Double(won) / Double(contests)
        #expect(abs(share - odds) < 4 * (odds * (1 - odds) / Double(contests)).squareRoot(), "\(share) against \(odds)")
    }

    @Test("tasks that were run twice are preferred to an assumption once there are enough, and repeats leave no odds")
    func sources() throws {
        let scores = (0..<200).map { $0.isMultiple(of: 2) ? Score.one : .zero }
        let repeats = scores.map { (first: $0, second: $0) }
        let few = try NoiseEstimate(scores: scores, reruns: Array(repeats.prefix(9)), correlation: 0.25)
        #expect(few.source == .spread(tasks: 200) && few.noise.correlation == 0.25)
        #expect(abs(few.noise.standardDeviation - 0.5) < 1e-12 && few.step == .one)
        let many = try NoiseEstimate(scores: scores, reruns: Array(repeats.prefix(50)), correlation: 0.25)
        #expect(many.source == .reruns(tasks: 50) && many.noise.correlation == 1)
        #expect(try RuleOdds(rule: Self.rule(environments: 1), estimates: Self.all(1, many)).copy == 0)
        let graded = try NoiseEstimate(scores: [.zero, Score(nano: 5), .one], reruns: [], correlation: 0)
        #expect(graded.step == nil)
    }

    @Test("a kind whose odds are not known, and an environment without results, are refused by name")
    func refusals() throws {
        let estimate = try NoiseEstimate(assumedMean: 0.5, correlation: 0)
        let missing = #expect(throws: InvalidValue.self) {
            try RuleOdds(rule: Self.rule(environments: 2), estimates: Self.all(1, estimate))
        }
        #expect(missing?.description.hasPrefix("environment-2.scores 'none' is not valid") == true)
        let strict = try Self.rule(environments: 1)
        let terms = EnvironmentTerms(
            bounds: strict.environments[0].terms.bounds, margin: .zero, samplingCount: 10, tolerance: .additive(.zero))
        let pareto = try RuleDocument(
            kind: PartialPareto(minDominant: 1),
            environments: [RuleEnvironment(name: strict.environments[0].name, terms: terms)], stopping: .exact)
        let kind = #expect(throws: InvalidValue.self) { try RuleOdds(rule: pareto, estimates: Self.all(1, estimate)) }
        #expect(kind?.field == "kind")
    }

    private static let margin = Score(nano: 30_000_000)

    private static var bar: StrictBar {
        get throws { try StrictBar(tasks: 200, margin: margin) }
    }

    private static func name(_ number: Int) throws -> EnvironmentName { try EnvironmentName("environment-\(number)") }

    private static func all(_ count: Int, _ estimate: NoiseEstimate) throws -> [EnvironmentName: NoiseEstimate] {
        Dictionary(uniqueKeysWithValues: try (1...count).map { (try name($0), estimate) })
    }

    private static func rule(environments: Int, confidence: ConfidenceBound? = nil) throws -> RuleDocument {
        let bounds = try #require(ScoreBounds(lo: .zero, hi: .one))
        let terms = EnvironmentTerms(bounds: bounds, margin: margin, samplingCount: 200, confidence: confidence)
        return try RuleDocument(
            kind: StrictMargin(),
            environments: try (1...environments).map { RuleEnvironment(name: try name($0), terms: terms) },
            stopping: .exact)
    }

    /// A contest of two runs of one model that are independent coins.
    private static func copy(under rule: RuleDocument, _ random: inout SeededGenerator) throws -> ContestRecord {
        let identity = ContestIdentity(
            hotkey: try Hotkey("5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX"),
            model: try ModelReference(repository: "miner/model", revision: String(repeating: "a", count: 40)))
        let column = { (random: inout SeededGenerator) in
            ResultColumn((0..<200).map { _ in TaskResult.scored(random.chance(0.5) ? .one : .zero) })
        }
        return try ContestRecord(
            window: WindowID(rawValue: 1), rule: rule, champion: identity, challenger: identity,
            slates: [
                EnvironmentSlate(
                    environment: name(1), ids: (0..<200).map { TaskID(rawValue: $0) }, champion: column(&random),
                    challenger: column(&random))
            ])
    }
}
