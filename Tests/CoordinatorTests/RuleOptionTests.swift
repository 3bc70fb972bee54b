import Coordinator
import Domain
import Rules
import TestSupport
import Testing

@Suite("Rules that ask for more than the margin", .migratedDatabase) struct RuleOptionTests {
    @Test("a gain that the spread of the tasks could explain keeps the champion, in the words of the rule")
    func confidence() async throws {
        try await Stage.with({ $0.confidence = ConfidenceBound(criticalMicro: 3_000_000) }) { stage in
            let miners = try await stage.prepare("ab", count: 10)
            // Means .5 against .65, above the margin of .1, with differences of -.5 and +.8 in turn.
            try await stage.play(miners, runs: 1) { job in
                .scored(job.miner == "a" ? 500 : job.position.isMultiple(of: 2) ? 1_000 : 300)
            }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            let reasons = try await stage.owner.column(
                "SELECT reason FROM affine.contest_environment WHERE standing = 'lost'")
            #expect(reasons.contains { $0.contains("lost: 0.05 above it, but not 3 standard errors above it") })
            let contest = try #require(try await stage.contests().first)
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
        }
    }

    @Test("a gain that no spread explains takes the throne under the same rule")
    func confident() async throws {
        try await Stage.with({ $0.confidence = ConfidenceBound(criticalMicro: 3_000_000) }) { stage in
            let miners = try await stage.prepare("ab", count: 10)
            try await stage.play(miners, runs: 1) { .scored($0.miner == "a" ? 500 : 610) }
            try await #expect(stage.verdicts() == ["dethroned"])
        }
    }

    /// With 20 tasks, c = .5, x = 0 and m = .1 an environment is lost after k tasks once .5(20 - k) - .5k - 2 <= 0; three
    /// scores of 0 that turn out to be void could add 3.
    @Test(
        "a contest that allows for void scores runs on until its verdict would stand without them",
        arguments: zip([0, 3], ["8", "11"]))
    func voidAllowance(allowance: Int64, decided: String) async throws {
        try await Stage.with({ $0.voidAllowance = allowance }) { stage in
            let miners = try await stage.prepare("ab", count: 20)
            try await stage.play(miners, runs: 1) { .scored($0.miner == "a" ? 500 : 0) }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(
                stage.owner.value("SELECT sum(decided) FROM affine.contest_environment") == decided)
        }
    }

    @Test("a contest that may end on evidence runs in the slate's order, ends early and replays")
    func anytime() async throws {
        try await Stage.with({
            $0.alphaNano = 50_000_000
            $0.environmentOrder = .parallel
        }) { stage in
            let miners = try await stage.prepare("ab", count: 100)
            // The champion does every fourth task, the challenger none: for long it could still catch up.
            try await stage.play(miners, runs: 2) { .scored($0.miner == "a" && $0.task.isMultiple(of: 4) ? 1_000 : 0) }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(
                stage.owner.value(
                    """
                    SELECT bool_and(x.task_ids = s.tasks) FROM affine.evaluation_environment x
                    JOIN (SELECT environment, array_agg(task_id ORDER BY slate_position) AS tasks FROM affine.window_task
                          WHERE slate_position IS NOT NULL GROUP BY environment) s USING (environment)
                    WHERE x.evaluation = 2
                    """) == "true")
            let reasons = try await stage.owner.column("SELECT reason FROM affine.contest_environment")
            #expect(reasons.contains { $0.contains("lost on the evidence so far") }, "\(reasons)")
            let contest = try #require(try await stage.contests().first)
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
        }
    }

    @Test("an environment's clusters are part of the next window's rule")
    func clusters() async throws {
        try await Stage.with { stage in
            var environment = try EnvironmentDefinition.test("abd")
            environment.clusterSpan = 25
            try await stage.define(environment)
            try await stage.observe(100)
            try await stage.play(stage.admit("a")) { _ in .scored(500) }
            let document = try await stage.owner.value("SELECT document FROM affine.rule")
            #expect(try RuleDocument(parsing: document).environments[0].terms.clusterSpan == 25)
        }
    }
}
