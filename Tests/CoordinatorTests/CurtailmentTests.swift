import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite(.migratedDatabase) struct CurtailmentTests {
    @Test(
        "stopping early uses fewer results, ends with the same verdict and says in words that nothing could change it")
    func early() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", count: 20)
            try await stage.play(miners, runs: 1) { .scored($0.miner == "a" ? 500 : 0) }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            let decided = try await stage.owner.column("SELECT decided FROM affine.contest_environment").compactMap(
                Int.init)
            #expect(decided.reduce(0, +) < 40)
            try await #expect(stage.queue() == "0 ready, 0 leased")
            try await #expect(
                stage.owner.column("SELECT state || ': ' || state_reason FROM affine.evaluation ORDER BY id")
                    == ["complete: every job is settled", "cancelled: curtailed"])
            try await #expect(
                stage.owner.value("SELECT count(*) FROM ops.job WHERE state = 'cancelled' AND evaluation = 2")
                    == String(40 - decided.reduce(0, +)))
        }
    }

    @Test("with full stopping every job of the slate runs", arguments: [0, 1_000])
    func full(score: Int64) async throws {
        try await Stage.with({ $0.curtail = false }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners, runs: 1) { .scored($0.miner == "a" ? 500 : score) }
            try await #expect(stage.verdicts() == [score == 0 ? "champion_keeps" : "dethroned"])
            try await #expect(
                stage.owner.column("SELECT DISTINCT decided FROM affine.contest_environment") == ["10"])
        }
    }

    @Test("the winner's pass runs to the slate's end and is the baseline of the window's next contest")
    func winner() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc", count: 20)
            try await stage.play(miners, runs: 1) { job in
                .scored(job.miner == "a" ? 100 : job.miner == "b" ? 800 : 850)
            }
            try await #expect(stage.verdicts() == ["dethroned", "champion_keeps"])
            try await #expect(stage.champion() == ["b"])
            // The contest was over long before.
            try await #expect(
                stage.owner.value(
                    "SELECT sum(decided) < 40 FROM affine.contest_environment WHERE contest = 2") == "true")
            try await #expect(
                stage.owner.value(
                    "SELECT count(*) FROM affine.attempt WHERE evaluation = 2 AND final AND outcome = 'scored'") == "40"
            )
            try await #expect(
                stage.owner.column("SELECT champion_evaluation FROM affine.contest ORDER BY id") == ["1", "2"])
            try await #expect(
                stage.owner.column(
                    "SELECT DISTINCT champion_sum_nano FROM affine.contest_environment WHERE contest = 3") == [
                        "16000000000"
                    ])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.evaluation WHERE window_id = 1") == "3")
        }
    }

    @Test("results that come after an early verdict change nothing of it")
    func afterwards() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", count: 20)
            try await stage.play(miners, runs: 1) { .scored($0.miner == "a" ? 100 : 900) }
            let contest = try #require(try await stage.contests().first)
            let decided = try await stage.owner.value("SELECT sum(decided) FROM affine.contest_environment")
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt WHERE evaluation = 2") == "40")
            #expect(decided != "40")
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
        }
    }

    @Test("a winner that infrastructure kept from some results gets another round before it defends the throne")
    func spoiltWinner() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", attempts: 1)
            try await stage.play(miners, runs: 20) { job in
                if job.miner == "a" { return .scored(100) }
                return job.lease.evaluation == 2 && job.position == 9 ? .infraFault : .scored(800)
            }
            try await #expect(stage.verdicts() == ["dethroned"])
            try await #expect(
                stage.owner.column("SELECT id || ' ' || state FROM affine.evaluation ORDER BY id")
                    == ["1 complete", "2 cancelled", "3 complete"])
            try await #expect(stage.owner.value("SELECT baseline_evaluation FROM affine.task_window") == "3")
        }
    }
}
