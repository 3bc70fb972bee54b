import Domain
import Rules
import Statistics
import TestSupport
import Testing

/// The deciding form of the bound is in integers; `PairedSample`, which is SciPy's, gives the same in floating point.
@Suite("A rule's confidence bound")
struct ConfidenceTests {
    @Test(
        "an environment is won exactly if the mean less the standard errors exceeds the margin, clustered or not",
        arguments: [1, 3, 10])
    func bound(span: Int64) throws {
        var random = SeededRandom(seed: Int(span))
        var (won, doubted) = (0, 0)
        for _ in 0..<400 {
            let terms = try terms(&random, span: span)
            let record = try Self.record(&random, under: terms)
            let sample = try PairedSample(of: Self.abd, in: record) { String($0.rawValue / span) }
            guard sample.clusters > 1 else { continue }
            let critical = Double(terms.confidence?.criticalMicro ?? 0) / 1e6
            let margin = Double(terms.margin.nano) / 1e9
            let slack = sample.meanDifference - critical * sample.clusterRobustError - margin
            // Of what rounding decides nothing is said; exact ties have their own test.
            guard abs(slack) > 1e-9 else { continue }
            let verdict = record.decide()
            #expect(verdict.decision == (slack > 0 ? .dethroned : .championKeeps))
            won += slack > 0 ? 1 : 0
            doubted += verdict.environments[0].reason.contains("standard errors above it") ? 1 : 0
        }
        #expect(won > 30 && doubted > 30)
    }

    @Test("a bound that equals the margin does not clear it, and one nano-unit more does")
    func tie() throws {
        // Differences 1 and 0: mean 1/2 and standard error 1/2, so that one standard error below the mean is 0.
        let terms = EnvironmentTerms(
            bounds: try Self.bounds, margin: .zero, samplingCount: 2,
            confidence: ConfidenceBound(criticalMicro: 1_000_000))
        for (score, decision) in [(Int64(0), Verdict.Decision.championKeeps), (1, .dethroned)] {
            let record = try Self.record(
                [(.scored(.zero), .scored(.one)), (.scored(.zero), .scored(Score(nano: score)))], under: terms)
            #expect(record.decide().decision == decision)
        }
    }

    @Test("equal differences have no spread: what beats the margin beats it with any confidence")
    func noSpread() throws {
        let terms = EnvironmentTerms(
            bounds: try Self.bounds, margin: Score(nano: 100), samplingCount: 3,
            confidence: ConfidenceBound(criticalMicro: 100_000_000))
        let pair = (TaskResult.scored(.zero), TaskResult.scored(Score(nano: 101)))
        #expect(try Self.record([pair, pair, pair], under: terms).decide().decision == .dethroned)
        let clustered = EnvironmentTerms(
            bounds: terms.bounds, margin: terms.margin, samplingCount: 3, confidence: terms.confidence,
            clusterSpan: 100)
        #expect(try Self.record([pair, pair, pair], under: clustered).decide().decision == .championKeeps)
    }

    @Test("it is unknown until the slate is complete, and ends nothing early but what the margin ends")
    func unknownUntilComplete() throws {
        let terms = EnvironmentTerms(
            bounds: try Self.bounds, margin: .zero, samplingCount: 3,
            confidence: ConfidenceBound(criticalMicro: 1_000_000))
        let won = (TaskResult.scored(.zero), TaskResult.scored(.one))
        let missing = (TaskResult.scored(.one), TaskResult?.none)
        #expect(try Self.record([won, won, missing], under: terms).conclude(finished: false) == nil)
        #expect(try Self.record([won, won, missing], under: terms).conclude(finished: true)?.decision == .void)
        #expect(
            try Self.record([(.scored(.one), .scored(.zero)), won, missing], under: terms)
                .conclude(finished: false)?.decision == .championKeeps)
    }

    @Test("changing the pivotal scores of a verdict that a bound decided gives the other verdict", arguments: 0..<10)
    func pivotal(seed: Int) throws {
        var random = SeededRandom(seed: 100 + seed)
        var turned = 0
        for _ in 0..<40 {
            let record = try Self.record(&random, under: terms(&random, span: 3))
            guard let pivotal = record.pivotalTasks() else { continue }
            let changed = Dictionary(uniqueKeysWithValues: pivotal.changes.map { ($0.position, $0.changed) })
            let tasks = record.tasks.map { task in
                (task.champion, changed[task.position].map(TaskResult.scored) ?? task.challenger)
            }
            let verdict = try Self.record(tasks, under: record.rule.environments[0].terms).decide()
            #expect(verdict.decision == pivotal.decision && verdict.decision != record.decide().decision)
            turned += 1
        }
        #expect(turned > 20)
    }

    private static var abd: EnvironmentName {
        get throws { try EnvironmentName("abd") }
    }

    private static var bounds: ScoreBounds {
        get throws { try #require(ScoreBounds(lo: .zero, hi: .one)) }
    }

    private func terms(_ random: inout SeededRandom, span: Int64) throws -> EnvironmentTerms {
        EnvironmentTerms(
            bounds: try Self.bounds, margin: Score(nano: random.pick([0, 10_000_000, 100_000_000])),
            samplingCount: Int64(random.int(2...60)),
            confidence: ConfidenceBound(criticalMicro: Int64(random.int(500_000...2_500_000))), clusterSpan: span)
    }

    /// A challenger that is better by a third on average, scored in whole numbers or in quarters.
    private static func record(_ random: inout SeededRandom, under terms: EnvironmentTerms) throws -> ContestRecord {
        let step = random.pick([1, 4])
        let results = (0..<terms.samplingCount).map { _ in
            let score = Score(nano: Int64(random.int(0...step)) * Score.unit / Int64(step))
            return (TaskResult.scored(score), random.chance(40) ? TaskResult.scored(.one) : .scored(score))
        }
        return try record(results, under: terms)
    }

    private static func record(
        _ results: [(TaskResult, TaskResult?)], under terms: EnvironmentTerms
    ) throws -> ContestRecord {
        let abd = try abd
        let rule = try RuleDocument(
            kind: StrictMargin(), environments: [RuleEnvironment(name: abd, terms: terms)], stopping: .exact)
        let identity = ContestIdentity(
            hotkey: try Hotkey("5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX"),
            model: try ModelReference(repository: "miner/model", revision: String(repeating: "a", count: 40)))
        return try ContestRecord(
            window: WindowID(rawValue: 1), rule: rule, champion: identity, challenger: identity,
            tasks: results.enumerated().map { position, results in
                SlateTask(
                    environment: abd, position: position, task: TaskID(rawValue: Int64(position)),
                    champion: results.0, challenger: results.1)
            })
    }
}
