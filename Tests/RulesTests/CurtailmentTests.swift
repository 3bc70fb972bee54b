import Domain
import Rules
import TestSupport
import Testing

@Suite("Curtailment and verdicts")
struct CurtailmentTests {
    @Test("a finished contest is decided as on paper", arguments: 0..<20)
    func finishedContestsMatchPaper(seed: Int) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            let rule = try Contests.rule(&random)
            let record = try Contests.record(Contests.completeTasks(&random, under: rule), under: rule)
            #expect(
                record.decide().decision == (Paper.dethrones(record) ? .dethroned : .championKeeps), "\(rule.canonical)"
            )
        }
    }

    @Test(
        "once decided, no completion changes the verdict; and it is decided at the first possible moment",
        arguments: 0..<20)
    func decidedIsForEverAndAtOnce(seed: Int) throws {
        var random = SeededRandom(seed: 1_000 + seed)
        for _ in 0..<25 {
            let rule = try Contests.rule(&random)
            var tasks = Contests.completeTasks(&random, under: rule)
            let results = tasks.map(\.challenger)
            tasks = tasks.map { $0.with(challenger: nil) }
            var decided: Assessment.State = .undecided
            for index in random.shuffled(Array(tasks.indices)) {
                let state = try rule.assess(Contests.record(tasks, under: rule).tallies).state
                #expect(decided == .undecided || state == decided)
                decided = state
                let extremes = try [false, true].map { best in
                    try Paper.dethrones(Contests.record(Self.completed(tasks, under: rule, best: best), under: rule))
                }
                #expect((state == .undecided) == (extremes[0] != extremes[1]))
                tasks[index] = tasks[index].with(challenger: results[index])
            }
            let end = try Contests.record(tasks, under: rule)
            let expected: Assessment.State = Paper.dethrones(end) ? .dethroned : .championKeeps
            #expect(decided == .undecided || decided == expected)
            #expect(try rule.assess(end.tallies).state == expected)
        }
    }

    @Test("intervals only narrow as results arrive", arguments: 0..<20)
    func intervalsOnlyNarrow(seed: Int) throws {
        var random = SeededRandom(seed: 2_000 + seed)
        for _ in 0..<25 {
            let rule = try Contests.rule(&random)
            var tasks = Contests.completeTasks(&random, under: rule)
            let results = tasks.map(\.challenger)
            tasks = tasks.map { $0.with(challenger: nil) }
            var before = try rule.assess(Contests.record(tasks, under: rule).tallies).environments
            for index in random.shuffled(Array(tasks.indices)) {
                tasks[index] = tasks[index].with(challenger: results[index])
                let now = try rule.assess(Contests.record(tasks, under: rule).tallies).environments
                for (old, new) in zip(before, now) {
                    #expect(new.lowestSlack >= old.lowestSlack && new.highestSlack <= old.highestSlack)
                    #expect(old.state == .open || old.state == new.state)
                }
                before = now
            }
            #expect(before.allSatisfy { $0.lowestSlack == $0.highestSlack && $0.state != .open })
        }
    }

    @Test("a contest that ends undecided is void, and one that still runs has no verdict")
    func undecidedAtTheEndIsVoid() throws {
        let rule = try Self.strict(margin: "0", count: 2)
        let tallies = try [EnvironmentName("abd"): Self.tally(champion: ["0.5", "0.5"], challenger: ["0.6"])]
        #expect(try rule.conclude(tallies, finished: false) == nil)
        let verdict = try rule.conclude(tallies, finished: true)
        #expect(verdict?.decision == .void)
        #expect(verdict?.environments.map(\.state) == [.open])
    }

    @Test("a missing task does not void a contest that it cannot change")
    func harmlessMissingTaskDoesNotVoid() throws {
        let rule = try Self.strict(margin: "0", count: 2)
        let tallies = try [EnvironmentName("abd"): Self.tally(champion: ["1", "0.5"], challenger: ["0"])]
        #expect(try rule.conclude(tallies, finished: true)?.decision == .championKeeps)
    }

    @Test("full stopping waits for every task, exact stopping does not")
    func fullStoppingWaits() throws {
        let tallies = try [EnvironmentName("abd"): Self.tally(champion: ["1", "0.5"], challenger: ["0"])]
        #expect(try Self.strict(margin: "0", count: 2, stopping: .exact).conclude(tallies, finished: false) != nil)
        #expect(try Self.strict(margin: "0", count: 2, stopping: .full).conclude(tallies, finished: false) == nil)
    }

    @Test("a tie keeps the champion", arguments: ["0", "0.03", "0.25"])
    func tieKeepsTheChampion(margin: String) throws {
        let rule = try Self.strict(margin: margin, count: 3)
        let bar = Score(decimal: margin)?.nano ?? 0
        for (extra, decision) in [(-1, Verdict.Decision.championKeeps), (0, .championKeeps), (1, .dethroned)] {
            var tally = EnvironmentTally()
            for task in 0..<3 {
                let gain = bar + (task == 0 ? Int64(extra) : 0)
                tally.add(champion: Score(nano: 500_000_000), challenger: .decided(Score(nano: 500_000_000 + gain)))
            }
            #expect(try rule.conclude([EnvironmentName("abd"): tally], finished: false)?.decision == decision)
        }
    }

    @Test("the strict rule needs every environment, and one environment lost ends the contest")
    func oneLostEnvironmentEndsIt() throws {
        let names = try ["abd", "ded", "swe"].map { name in try EnvironmentName(name) }
        let terms = EnvironmentTerms(bounds: try Contests.bounds(0, 1), margin: .zero, samplingCount: 2)
        let rule = try RuleDocument(
            kind: StrictMargin(), environments: names.map { RuleEnvironment(name: $0, terms: terms) }, stopping: .exact)
        let won = try Self.tally(champion: ["0.2", "0.2"], challenger: ["1", "1"])
        let open = try Self.tally(champion: ["0.2", "0.2"], challenger: [])
        let lost = try Self.tally(champion: ["1", "1"], challenger: [])
        let decisions = try [[won, won, won], [won, won, open], [open, open, lost], [won, won, lost]].map { tallies in
            try rule.conclude(Dictionary(uniqueKeysWithValues: zip(names, tallies)), finished: false)?.decision
        }
        #expect(decisions == [.dethroned, nil, .championKeeps, .championKeeps])
    }

    @Test("a tally that lacks tasks or an environment is refused, never judged")
    func shortTallyIsRefused() throws {
        let rule = try Self.strict(margin: "0", count: 2)
        let short = try Self.tally(champion: ["1"], challenger: ["0"])
        #expect(throws: InvalidValue.self) { try rule.assess([EnvironmentName("abd"): short]) }
        #expect(throws: InvalidValue.self) { try rule.assess([:]) }
        let whole = try Self.tally(champion: ["1", "1"], challenger: ["0"])
        #expect(throws: InvalidValue.self) {
            try rule.assess([EnvironmentName("abd"): whole, EnvironmentName("ded"): whole])
        }
    }

    static func strict(
        margin: String, count: Int64, stopping: RuleDocument.Stopping = .exact
    ) throws -> RuleDocument {
        let margin = try #require(Score(decimal: margin))
        let terms = EnvironmentTerms(bounds: try Contests.bounds(0, 1), margin: margin, samplingCount: count)
        let environment = RuleEnvironment(name: try EnvironmentName("abd"), terms: terms)
        return try RuleDocument(kind: StrictMargin(), environments: [environment], stopping: stopping)
    }

    /// The first tasks decided by the challenger's scores, the rest unknown.
    static func tally(champion: [String], challenger: [String]) throws -> EnvironmentTally {
        var tally = EnvironmentTally()
        for (index, text) in champion.enumerated() {
            let score = try #require(Score(decimal: text))
            guard index < challenger.count else {
                tally.add(champion: score, challenger: .unknown)
                continue
            }
            tally.add(champion: score, challenger: .decided(try #require(Score(decimal: challenger[index]))))
        }
        return tally
    }

    /// The contest as it ends when every missing result is the best, or the worst, that there can be.
    private static func completed(_ tasks: [SlateTask], under rule: RuleDocument, best: Bool) -> [SlateTask] {
        tasks.map { task in
            guard task.challenger == nil, let bounds = rule.terms(of: task.environment)?.bounds else { return task }
            return task.with(challenger: best ? .scored(bounds.hi) : .modelFault)
        }
    }
}
