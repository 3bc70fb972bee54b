import Digest
import Domain
import Rules
import TestSupport
import Testing

@Suite("Two validators' views of a contest")
struct ContestComparisonTests {
    @Test("the same contest agrees with itself, whatever its number", arguments: 0..<10)
    func same(seed: Int) throws {
        var random = SeededRandom(seed: 8_000 + seed)
        let rule = try Contests.rule(&random)
        let tasks = Contests.completeTasks(&random, under: rule)
        let comparison = ContestComparison(
            try Self.archive(12, tasks, under: rule), try Self.archive(99, tasks, under: rule))
        #expect(comparison.agrees && comparison.rows.isEmpty)
        for (environment, terms) in zip(comparison.environments, rule.environments.map(\.terms)) {
            #expect(environment.tasks == Int(terms.samplingCount))
            #expect(environment.championAgrees == environment.tasks && environment.challengerDifference == .zero)
        }
        #expect(try comparison.scoresOfAUnderRuleOfB.get() == comparison.a.stored.verdict.decision)
    }

    @Test("a result that differs is shown with both sides' words, and moves the sums by its difference")
    func oneScore() throws {
        let rule = try CurtailmentTests.strict(margin: "0", count: 3)
        let tasks = try Self.tasks(champion: [0, 0, 1], challenger: [1, 1, 1])
        var other = tasks
        other[1] = other[1].with(challenger: .modelFault)
        let comparison = ContestComparison(
            try Self.archive(1, tasks, under: rule), try Self.archive(1, other, under: rule))
        #expect(!comparison.agrees)
        let row = try #require(comparison.rows.first)
        #expect(comparison.rows.count == 1)
        #expect(row.task == tasks[1].task && row.side == "challenger" && row.a == .scored(.one) && row.b == .modelFault)
        let environment = comparison.environments[0]
        #expect(environment.challengerAgrees == 2 && environment.championAgrees == 3)
        #expect(environment.challengerDifference == ScoreSum(.one, times: 1))
    }

    @Test("slates in another order are matched by task, and tasks of one side only are counted")
    func otherSlate() throws {
        let rule = try CurtailmentTests.strict(margin: "0", count: 3)
        let tasks = try Self.tasks(champion: [0, 0, 1], challenger: [1, 0, 1])
        let shuffled = [tasks[2], tasks[0], tasks[1]].enumerated().map { position, task in
            SlateTask(
                environment: task.environment, position: position,
                task: position == 2 ? TaskID(rawValue: 77) : task.task, champion: task.champion,
                challenger: task.challenger)
        }
        let comparison = ContestComparison(
            try Self.archive(1, tasks, under: rule), try Self.archive(1, shuffled, under: rule))
        #expect(comparison.rows.isEmpty && !comparison.agrees)
        let environment = comparison.environments[0]
        #expect([environment.tasks, environment.onlyInA, environment.onlyInB] == [2, 1, 1])
    }

    @Test("each one's scores are decided under the other's rule, as far as its slate allows")
    func otherRule() throws {
        let tasks = try Self.tasks(champion: [0, 0, 0, 0], challenger: [1, 0, 0, 0])
        let lenient = try Self.archive(1, tasks, under: CurtailmentTests.strict(margin: "0.1", count: 4))
        let strict = try Self.archive(1, tasks, under: CurtailmentTests.strict(margin: "0.5", count: 4))
        let comparison = ContestComparison(lenient, strict)
        #expect(lenient.stored.verdict.decision == .dethroned && strict.stored.verdict.decision == .championKeeps)
        #expect(try comparison.scoresOfAUnderRuleOfB.get() == .championKeeps)
        #expect(try comparison.scoresOfBUnderRuleOfA.get() == .dethroned)
        #expect(!comparison.agrees && comparison.rows.isEmpty)
        let short = try Self.archive(
            1, Array(tasks.prefix(2)), under: CurtailmentTests.strict(margin: "0.1", count: 2))
        #expect(throws: InvalidValue.self) { try ContestComparison(short, strict).scoresOfAUnderRuleOfB.get() }
    }

    private static func tasks(champion: [Int64], challenger: [Int64]) throws -> [SlateTask] {
        try zip(champion, challenger).enumerated().map { position, scores in
            SlateTask(
                environment: try EnvironmentName("abd"), position: position, task: TaskID(rawValue: Int64(position)),
                champion: .scored(Score(nano: scores.0 * Score.unit)),
                challenger: .scored(Score(nano: scores.1 * Score.unit)))
        }
    }

    private static func archive(
        _ contest: Int64, _ tasks: [SlateTask], under rule: RuleDocument
    ) throws -> ContestArchive {
        let record = try Contests.record(tasks, under: rule)
        let digests = record.digests()
        return ContestArchive(
            contest: ContestID(rawValue: contest), record: record,
            stored: StoredVerdict(
                verdict: record.decide(), outcomeDigest: digests.outcome.hex, evidenceDigest: digests.evidence.hex))
    }
}
