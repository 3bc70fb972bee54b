import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite("Derived environments", .migratedDatabase) struct DerivedEnvironmentTests {
    /// `abd`, and `short`, which scores how much of 1,000 tokens its tasks leave; both with a margin of 0.1.
    private func prepare(_ stage: Stage, _ letters: String) async throws -> [TestMiner] {
        try await stage.define(.test("abd"), .short())
        try await stage.observe(100)
        return try await stage.admit(letters)
    }

    @Test(
        "whoever beats the champion in its tasks and with fewer tokens takes the throne, and the verdict replays anywhere"
    )
    func dethroned() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            try await stage.play(miners) { $0.miner == "a" ? .scored(500, tokens: 400) : .scored(700, tokens: 250) }
            try await #expect(stage.verdicts() == ["dethroned"])
            try await #expect(
                stage.owner.column(
                    """
                    SELECT n.name || ' ' || d.champion_sum_nano || ' ' || d.challenger_lo_nano FROM affine.contest_environment d
                    JOIN affine.environment n ON n.id = d.environment ORDER BY n.name
                    """) == ["abd 5000000000 7000000000", "short 6000000000 7500000000"])
            let history = ContestHistory(database: stage.coordinator)
            let contest = try #require(try await stage.contests().first)
            try await #expect(history.replay(contest).match)
            let replayed = try await history.map(.all) { past in
                try ContestArchive(contest: past.contest, record: past.record.get(), stored: past.stored).replay().match
            }
            #expect(replayed == [true])
        }
    }

    @Test("a better score that takes as many tokens keeps the champion, without a job of its own")
    func tooManyTokens() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            try await stage.play(miners) { $0.miner == "a" ? .scored(500, tokens: 400) : .scored(900, tokens: 301) }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            let reasons = try await stage.owner.column(
                "SELECT reason FROM affine.contest_environment WHERE standing = 'lost'")
            #expect(reasons == ["short: 0.699 against 0.6, needs more than 0.7: lost by 0.001"])
            try await #expect(
                stage.owner.value("SELECT count(DISTINCT environment) FROM affine.evaluation_environment") == "1")
        }
    }

    @Test("what a running contest is shown to stand at is what it is decided from", arguments: [250, 900] as [Int32])
    func standing(tokens: Int32) async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            let crew = try await stage.crew(miners)
            let judge: Judge = { $0.miner == "a" ? .scored(500, tokens: 400) : .scored(700, tokens: tokens) }
            _ = try await stage.arena.advance()
            while try await stage.contests().isEmpty {
                _ = try await crew.work(runs: 8, judge)
                _ = try await stage.arena.advance()
            }
            _ = try await crew.work(runs: 2, judge)
            let shown = try await stage.owner.value(
                "SELECT decided || ' ' || challenger_sum_nano FROM ops.contest_standing WHERE environment = 'short'")
            #expect(shown == "2 \(2 * (1_000 - Int64(tokens)) * 1_000_000)")
        }
    }

    @Test("a model's failure uses the whole budget, and one without a count is nobody's fault")
    func failures() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "abc")
            try await stage.play(miners) { job in
                switch job.miner {
                case "a": .scored(500, tokens: 400)
                case "b": job.position < 5 ? .modelFault : .scored(1_000, tokens: 0)
                default: .scored(1_000)
                }
            }
            // b: five of ten at the whole budget, .5 against .6. c: nobody counted its tokens.
            try await #expect(stage.verdicts() == ["champion_keeps", "void", "void", "void"])
        }
    }

    @Test("what nobody counted of the champion is not held against it")
    func uncountedChampion() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            try await stage.play(miners) { job in
                job.miner == "a" ? .scored(500, tokens: job.position == 0 ? nil : 900) : .scored(700, tokens: 500)
            }
            // One task at 1 and nine at .1, against ten at .5.
            try await #expect(
                stage.owner.value(
                    "SELECT max(champion_sum_nano) FILTER (WHERE tasks = 10 AND bar_nano < 5000000000) FROM affine.contest_bar"
                )
                    == "1900000000")
            try await #expect(stage.verdicts() == ["dethroned"])
            let contest = try #require(try await stage.contests().first)
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
        }
    }

    @Test(
        "where the champion's tokens are not counted nobody loses by it: the next window opens without the environment")
    func uncounted() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 500 : 700) }
            try await #expect(stage.events("environment.quarantined") == 1)
            try await #expect(stage.verdicts() == ["dethroned"])
            try await #expect(stage.owner.column("SELECT window_id FROM affine.contest") == ["2"])
        }
    }

    @Test("a task can be dropped in the source only, and its answers are told in what is derived from it")
    func tasks() async throws {
        try await Stage.with { stage in
            let miners = try await prepare(stage, "ab")
            try await stage.play(miners) { $0.miner == "a" ? .scored(500, tokens: 400) : .scored(700, tokens: 250) }
            let contest = try #require(try await stage.contests().first)
            let record = try await ContestHistory(database: stage.coordinator).contest(contest).record
            let (abd, short) = (try EnvironmentName("abd"), try EnvironmentName("short"))
            let task = record.slates[0].ids[3]
            #expect(try record.dropping([abd: [task]]).slates.map(\.count) == [9, 9])
            #expect(throws: InvalidValue.self) { try record.dropping([short: [task]]) }
            let answers = try await ContestHistory(database: stage.coordinator).answers(
                in: contest, environment: short, tasks: [task])
            #expect(answers.map { $0.score?.description } == ["0.6", "0.75"])
        }
    }

    @Test("the champion's scores, by which the odds of a copy are told, are there for it as for any other")
    func odds() async throws {
        try await Stage.with({ $0.rerunTasks = 4 }) { stage in
            let miners = try await prepare(stage, "a")
            try await stage.play(miners) { .scored(500, tokens: $0.position.isMultiple(of: 2) ? 400 : 200) }
            let scores = try await WindowHistory(database: stage.coordinator).championScores(
                in: WindowID(rawValue: 1))
            #expect(scores.map(\.environment.rawValue) == ["abd", "short"] && scores.map(\.scores.count) == [10, 10])
            #expect(scores.map(\.reruns.count) == [4, 4])
            #expect(Set(scores[1].scores.map(\.nano)) == [600_000_000, 800_000_000])
        }
    }

    @Test("one whose source is not in the window is quarantined, and the window opens without it")
    func withoutSource() async throws {
        try await Stage.with { stage in
            try await stage.define(.test("ded"))
            let miners = try await prepare(stage, "a")
            try await stage.owner.execute("UPDATE affine.environment SET enabled = false WHERE name = 'abd'")
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(stage.events("environment.quarantined") == 1)
            try await #expect(
                stage.owner.column(
                    "SELECT name FROM affine.window_environment JOIN affine.environment n ON n.id = environment") == [
                        "ded"
                    ]
            )
        }
    }

    @Test("one that is derived from nothing that is defined is refused by name, and with it what is defined beside it")
    func unknownSource() async throws {
        try await Stage.with { stage in
            let error = try await #require(throws: InvalidValue.self) { try await stage.define(.short()) }
            #expect("\(error)".hasPrefix("environment short: derived_from 'abd' is not valid"))
            await #expect(throws: InvalidValue.self) { try await stage.define(.test("ded"), .short()) }
            try await #expect(stage.owner.column("SELECT name FROM affine.environment") == [])
        }
    }
}

@Suite("Contests under partial_pareto", .migratedDatabase) struct PartialParetoTests {
    @Test(
        "dominance in as many environments as asked for takes the throne, unless one is worse than its tolerance allows",
        arguments: zip([500, 480, 440] as [Int64], ["dethroned", "dethroned", "champion_keeps"]))
    func tolerance(ded: Int64, verdict: String) async throws {
        try await Stage.with({ $0.minDominant = 1 }) { stage in
            var environment = try EnvironmentDefinition.test("ded")
            environment.tolerance = .multiplicative(Score(nano: 100_000_000))
            try await stage.define(.test("abd"), environment)
            try await stage.observe(100)
            let miners = try await stage.admit("ab")
            try await stage.play(miners) { job in
                job.miner == "a" ? .scored(500) : .scored(job.environment == "abd" ? 700 : ded)
            }
            try await #expect(stage.verdicts() == [verdict])
            let contest = try #require(try await stage.contests().first)
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
        }
    }

    @Test(
        "with fewer environments than have to be dominant all of them have to be, and without a tolerance none may fall behind"
    )
    func strictest() async throws {
        try await Stage.with({ $0.minDominant = 5 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) {
                $0.miner == "a" ? .scored(500) : .scored($0.environment == "abd" ? 900 : 590)
            }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            let rule = try RuleDocument(parsing: try await stage.owner.value("SELECT document FROM affine.rule"))
            #expect((rule.kind as? PartialPareto)?.minDominant == 2)
            #expect(rule.environments.allSatisfy { $0.terms.tolerance == .additive(.zero) })
        }
    }
}

extension EnvironmentDefinition {
    fileprivate static func short() throws -> EnvironmentDefinition {
        var definition = try test("short")
        definition.kind = .derived
        definition.derived = TokenEfficiency(source: try EnvironmentName("abd"), tokenBudget: 1_000)
        return definition
    }
}
