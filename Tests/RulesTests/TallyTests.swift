import Domain
import FoundationEssentials
import Rules
import TestSupport
import Testing

@Suite("Tallies and sums")
struct TallyTests {
    @Test("sums do not depend on the order or grouping in which tasks arrive", arguments: 0..<50)
    func sumsDoNotDependOnOrder(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        let bounds = try Contests.bounds(-7, 100)
        let tasks = (0..<random.int(1...60)).map { _ in
            let champion = Score(nano: Int64(random.int(-7_000_000_000...100_000_000_000)))
            return (
                champion,
                random.chance(30)
                    ? .unknown : EnvironmentTally.ChallengerTask.decided(Contests.score(&random, in: bounds))
            )
        }
        var inOrder = EnvironmentTally()
        for (champion, challenger) in tasks { inOrder.add(champion: champion, challenger: challenger) }
        var parts = Array(repeating: EnvironmentTally(), count: random.int(1...7))
        for (champion, challenger) in random.shuffled(tasks) {
            parts[random.int(0...parts.count - 1)].add(champion: champion, challenger: challenger)
        }
        var merged = EnvironmentTally()
        for part in random.shuffled(parts) { merged.merge(part) }
        #expect(merged == inOrder)
    }

    @Test("sums far beyond 64 bits stay exact")
    func hugeSumsStayExact() throws {
        let extreme = Score(nano: RuleDocument.maxBound)
        var tally = EnvironmentTally()
        for _ in 0..<1_000 { tally.add(champion: extreme, challenger: .decided(extreme)) }
        #expect(tally.championSum == ScoreSum(extreme, times: 1_000))
        #expect(tally.championSum.description == "1000000000000000000000")
        let sums = [tally.championSum, ScoreSum(nano: -5)]
        #expect(try JSONDecoder().decode([ScoreSum].self, from: JSONEncoder().encode(sums)) == sums)
    }

    @Test("means are rounded for reading, half away from zero, and never hide a distance")
    func meansAreForReading() {
        #expect(ScoreSum(nano: 1_862_000_000).mean(over: 3) == "0.6207")
        #expect(ScoreSum(nano: -150_000).mean(over: 3) == "-0.0001")
        #expect(ScoreSum(nano: 149_999).mean(over: 3) == "0")
        #expect(ScoreSum(nano: 0).mean(over: 0) == "nothing")
    }

    @Test("an unknown stays unknown only while it matters")
    func trivalentLogic() {
        #expect((Trivalent.unknown && .no) == .no)
        #expect((Trivalent.unknown || .yes) == .yes)
        #expect((Trivalent.unknown && .yes) == .unknown)
        #expect(Trivalent.all([.yes, .unknown, .no]) == .no)
        #expect(Trivalent.atLeast(2, of: [.yes, .unknown, .no]) == .unknown)
        #expect(Trivalent.atLeast(2, of: [.yes, .yes, .unknown]) == .yes)
        #expect(Trivalent.atLeast(2, of: [.yes, .no, .no]) == .no)
    }
}

@Suite("Reasons")
struct ReasonTests {
    @Test(
        "a strict verdict says by how much",
        arguments: [
            (["0.62"], "abd: 0.62 against 0.55, needs more than 0.58: won by 0.04"),
            (["0.5"], "abd: 0.5 against 0.55, needs more than 0.58: lost by 0.08"),
            (["0.58"], "abd: 0.58 against 0.55, needs more than 0.58: lost: a tie keeps the champion"),
            (["0.580000001"], "abd: 0.58 against 0.55, needs more than 0.58: won by less than 0.0001"),
            ([], "abd: 0 to 1 against 0.55, needs more than 0.58: open (0 of 1 tasks decided)"),
        ])
    func strictReasons(challenger: [String], reason: String) throws {
        let rule = try CurtailmentTests.strict(margin: "0.03", count: 1)
        let tally = try CurtailmentTests.tally(champion: ["0.55"], challenger: challenger)
        let report = try rule.assess([EnvironmentName("abd"): tally]).environments
        #expect(report.map(\.reason) == [reason])
    }

    @Test("a curtailed environment shows its interval, not its biased mean")
    func curtailedReason() throws {
        let rule = try CurtailmentTests.strict(margin: "0", count: 2)
        let tally = try CurtailmentTests.tally(champion: ["1", "0.5"], challenger: ["0"])
        let report = try rule.assess([EnvironmentName("abd"): tally]).environments
        #expect(
            report.map(\.reason) == [
                "abd: 0 to 0.5 against 0.75, needs more than 0.75: lost by at least 0.25 (1 of 2 tasks decided)"
            ])
    }

    @Test("partial Pareto names both bars")
    func paretoReason() throws {
        let terms = EnvironmentTerms(
            bounds: try Contests.bounds(0, 1), margin: Score(nano: 30_000_000), samplingCount: 1,
            tolerance: .multiplicative(Score(nano: 20_000_000)))
        let environment = RuleEnvironment(name: try EnvironmentName("ded"), terms: terms)
        let rule = try RuleDocument(kind: PartialPareto(minDominant: 1), environments: [environment], stopping: .full)
        let tally = try CurtailmentTests.tally(champion: ["0.5"], challenger: ["0.49"])
        let report = try rule.assess([environment.name: tally]).environments
        #expect(report.map(\.reason) == ["ded: 0.49 against 0.5, dominant above 0.53, worse below 0.49: not worse"])
        #expect(report.map(\.state) == [.notWorse])
    }

    @Test("a verdict survives being stored")
    func verdictIsCodable() throws {
        var random = SeededRandom(seed: 4)
        let rule = try Contests.rule(&random)
        let verdict = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule).decide()
        let stored = try JSONEncoder().encode(verdict)
        #expect(try JSONDecoder().decode(Verdict.self, from: stored) == verdict)
        #expect(verdict.environments.allSatisfy { verdict.reason.contains($0.reason) })
    }
}
