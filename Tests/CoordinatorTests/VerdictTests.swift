import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// A contest from the queue to the throne. The margin is 0.1 a task: on ten tasks a challenger needs more than Σc + 1.
@Suite(.migratedDatabase) struct VerdictTests {
    /// Champion `a` scores 0.5 everywhere; what `b` scores is in thousandths.
    private func contest(
        curtail: Bool = false, _ challenger: @escaping Judge, then check: (Stage, [TestMiner]) async throws -> Void
    ) async throws {
        try await Stage.with({ $0.curtail = curtail }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { $0.miner == "a" ? .scored(500) : challenger($0) }
            try await check(stage, miners)
        }
    }

    @Test(
        "who is better by more than the margin in every environment takes throne and weights", arguments: [true, false])
    func dethroned(curtail: Bool) async throws {
        try await contest(curtail: curtail, { _ in .scored(601) }) { stage, miners in
            try await #expect(stage.verdicts() == ["dethroned"])
            try await #expect(stage.state(of: miners[0]) == "terminated")
            try await #expect(stage.state(of: miners[1]) == "champion")
            try await #expect(
                stage.owner.column(
                    "SELECT concat_ws(' ', id, right(hotkey, 1), contest, from_block, to_block) FROM affine.reign ORDER BY id"
                )
                    == ["1 a 100 100", "2 b 2 100"])
            try await #expect(
                stage.owner.column(
                    "SELECT right(hotkey, 1) || share_nano FROM affine.weight ORDER BY snapshot")
                    == ["a1000000000", "b1000000000"])
            try await #expect(stage.events("contest.decided") == 1)
        }
    }

    @Test("exactly the margin is a tie, and a tie keeps the champion", arguments: [true, false])
    func tie(curtail: Bool) async throws {
        try await contest(curtail: curtail, { _ in .scored(600) }) { stage, miners in
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(stage.state(of: miners[0]) == "champion")
            try await #expect(stage.state(of: miners[1]) == "terminated")
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.weight_snapshot") == "1")
        }
    }

    @Test("one environment lost is the contest lost, however well the other went")
    func oneLost() async throws {
        try await contest({ $0.environment == "abd" ? .scored(1_000) : .scored(500) }) { stage, miners in
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(
                stage.owner.column(
                    """
                    SELECT n.name || ' ' || c.standing FROM affine.contest_environment c
                    JOIN affine.environment n ON n.id = c.environment ORDER BY n.name
                    """) == ["abd won", "ded lost"])
            let reason = try await stage.owner.value(
                "SELECT state_reason FROM affine.miner WHERE hotkey = '\(miners[1].hotkey)'")
            #expect(reason.contains("lost contest 2") && reason.contains("ded") && !reason.contains("abd"))
        }
    }

    @Test("a failure of the model's own counts as the lowest score: nothing is gained by failing instead of answering")
    func modelFault() async throws {
        // 9 · 0.666 = 5.994 < 6; without the fault's task the mean would clear the bar.
        try await contest({ $0.position == 0 ? .modelFault : .scored(666) }) { stage, _ in
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(
                stage.owner.column(
                    "SELECT DISTINCT decided || ' of ' || tasks || ': ' || challenger_lo_nano FROM affine.contest_environment"
                )
                    == ["10 of 10: 5994000000"])
            try await #expect(stage.owner.value("SELECT max(attempt) FROM affine.attempt") == "1")
        }
    }

    @Test("the champion's own failures count as the lowest score too")
    func championFault() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { $0.miner == "a" ? .modelFault : .scored(101) }
            try await #expect(stage.verdicts() == ["dethroned"])
        }
    }

    @Test("the challenger runs first what the champion failed")
    func order() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { job in
                job.miner == "a" ? (job.position == 7 ? .modelFault : .scored(500)) : .scored(500)
            }
            let first = try await stage.owner.column(
                """
                SELECT x.task_ids[1] = c.task_ids[8] FROM affine.contest
                JOIN affine.evaluation_environment c ON c.evaluation = champion_evaluation
                JOIN affine.evaluation_environment x ON x.evaluation = challenger_evaluation
                    AND x.environment = c.environment
                """)
            #expect(first == ["true", "true"])
        }
    }

    @Test("after a verdict the next in the queue meets whoever holds the throne then")
    func queue() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcd")
            let scores: [Character: Int64] = ["a": 300, "b": 350, "c": 500, "d": 550]
            try await stage.play(miners) { .scored(scores[$0.miner] ?? 0) }
            try await #expect(stage.verdicts() == ["champion_keeps", "dethroned", "champion_keeps"])
            try await #expect(stage.champion() == ["c"])
            try await #expect(
                stage.owner.column(
                    "SELECT right(champion, 1) || right(challenger, 1) FROM affine.contest ORDER BY id") == [
                        "ab", "ac", "cd",
                    ])
        }
    }
}
