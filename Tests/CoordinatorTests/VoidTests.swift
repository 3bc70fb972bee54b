import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite(.migratedDatabase) struct VoidTests {
    @Test("faults of nobody's on what the verdict depends on void the contest; the miner keeps its place in the queue")
    func void() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(miners) { job in
                switch job.miner {
                case "a": .scored(500)
                // Every try of the first contest fails; the next contest runs undisturbed.
                case "b": job.lease.evaluation == 2 ? .infraFault : .scored(900)
                default: .scored(0)
                }
            }
            try await #expect(
                stage.owner.column(
                    "SELECT right(challenger, 1) || ' ' || verdict || ' ' || state FROM affine.contest ORDER BY id")
                    == ["b void void", "b dethroned decided", "c champion_keeps decided"])
            try await #expect(
                stage.owner.column(
                    "SELECT max(attempt) || ' ' || count(*) FILTER (WHERE final) FROM affine.attempt WHERE evaluation = 2"
                )
                    == ["3 20"])
            try await #expect(stage.owner.value("SELECT state FROM affine.evaluation WHERE id = 2") == "cancelled")
            try await #expect(stage.state(of: miners[1]) == "champion")
        }
    }

    @Test("a void contest shows no digest to doubt: it replays like any other")
    func replay() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", attempts: 1)
            try await stage.play(miners) { job in
                job.miner == "a" ? .scored(500) : job.position > 0 ? .scored(610) : .infraFault
            }
            try await #expect(stage.verdicts().first == "void")
            for contest in try await stage.contests() {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            }
        }
    }

    @Test("the third void contest terminates the miner as undeployable")
    func undeployable() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", attempts: 1)
            try await stage.play(miners) { $0.miner == "a" ? .scored(500) : .infraFault }
            try await #expect(stage.verdicts() == ["void", "void", "void"])
            try await #expect(
                stage.owner.value(
                    "SELECT state || ': ' || state_reason FROM affine.miner WHERE hotkey = '\(miners[1].hotkey)'")
                    == "terminated: undeployable: 3 contests were void")
            try await #expect(stage.champion() == ["a"])
            try await #expect(stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test(
        "faults that cannot change the verdict do not void it", arguments: [(0, "champion_keeps"), (900, "dethroned")])
    func harmless(score: Int64, verdict: String) async throws {
        for curtail in [true, false] {
            try await FreshDatabase.provide(.migrated) {
                try await Stage.with({ $0.curtail = curtail }) { stage in
                    let miners = try await stage.prepare("ab", attempts: 1)
                    try await stage.play(miners) { job in
                        job.miner == "a" ? .scored(500) : job.position == 0 ? .infraFault : .scored(score)
                    }
                    try await #expect(stage.verdicts() == [verdict])
                }
            }
        }
    }

    @Test("a baseline that infrastructure spoilt runs another round, at most as often as the settings allow")
    func baselineRounds() async throws {
        try await Stage.with({ $0.baselineRounds = 2 }) { stage in
            let miners = try await stage.prepare("ab", attempts: 2)
            try await stage.play(miners) { job in
                job.miner == "a" && job.environment == "abd" && job.position == 4 ? .infraFault : .scored(500)
            }
            try await #expect(
                stage.owner.column(
                    "SELECT round || ' ' || state FROM affine.evaluation WHERE right(hotkey, 1) = 'a' ORDER BY id")
                    == ["1 cancelled", "2 complete"])
            try await #expect(
                stage.owner.column(
                    "SELECT DISTINCT champion_sum_nano FROM affine.contest_environment ORDER BY 1")
                    == ["4500000000", "5000000000"])
        }
    }

    @Test("a baseline whose jobs hang ends at its deadline")
    func baselineDeadline() async throws {
        try await Stage.with({ $0.baselineRounds = 2 }) { stage in
            let miners = try await stage.prepare("a")
            try await stage.arena.advance()
            let crew = try await stage.crew(miners)
            for _ in 1...2 {
                try await #expect(crew.worker.claim(crew.deployments[0].deployment, runs: 100).isEmpty == false)
                try await stage.owner.execute("UPDATE affine.evaluation SET deadline_at = '2000-01-01'")
                try await stage.arena.advance()
            }
            try await #expect(
                stage.owner.column("SELECT round || ' ' || state || ': ' || state_reason FROM affine.evaluation")
                    == [
                        "1 cancelled: 20 jobs ended in a fault that is nobody's, or not at all",
                        "2 complete: deadline passed",
                    ])
            try await #expect(stage.queue() == "0 ready, 0 leased")
            try await #expect(stage.owner.value("SELECT state FROM affine.task_window") == "open")
        }
    }

    @Test("after a void contest a miner waits for a while, and others go on meanwhile")
    func pause() async throws {
        try await Stage.with({ $0.voidPause = .seconds(3_600) }) { stage in
            let miners = try await stage.prepare("abc", attempts: 1)
            let judge: Judge = { $0.miner == "a" ? .scored(500) : $0.miner == "b" ? .infraFault : .scored(0) }
            try await stage.play(miners, judge)
            try await #expect(stage.verdicts() == ["void", "champion_keeps"])
            try await #expect(stage.state(of: miners[1]) == "pending")
            try await stage.owner.execute("UPDATE affine.miner SET not_before = '-infinity'")
            try await stage.play(miners, judge)
            try await #expect(stage.verdicts() == ["void", "champion_keeps", "void"])
        }
    }

    @Test("a deadline passes only while a worker is live: an outage of the fleet is nobody's failure")
    func outage() async throws {
        try await Stage.with({ $0.voidContests = 1 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await stage.arena.advance()
            try await stage.owner.execute("UPDATE affine.worker SET seen_at = '2000-01-01'")
            try await stage.owner.execute("UPDATE affine.contest SET deadline_at = '2000-01-01'")
            try await stage.arena.advance()
            try await #expect(stage.verdicts() == ["null"])
            _ = try await stage.crew([miners[1]])
            try await stage.arena.advance()
            try await #expect(stage.verdicts() == ["void"])
        }
    }

    @Test("a contest whose model hangs ends at its deadline")
    func deadline() async throws {
        try await Stage.with({ $0.voidContests = 1 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            try await #expect(crew.worker.claim(crew.deployments[0].deployment, runs: 3).count == 3)
            try await stage.arena.advance()
            try await #expect(stage.verdicts() == ["null"])
            try await stage.owner.execute("UPDATE affine.contest SET deadline_at = '2000-01-01'")
            try await stage.arena.advance()
            try await #expect(stage.verdicts() == ["void"])
            try await #expect(stage.queue() == "0 ready, 0 leased")
            try await #expect(stage.state(of: miners[1]) == "terminated")
        }
    }
}
