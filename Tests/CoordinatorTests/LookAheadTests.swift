import Coordinator
import Domain
import Foundation
import Postgres
import Rules
import TestSupport
import Testing

/// Evaluations that begin before their contests do.
@Suite(.migratedDatabase) struct LookAheadTests {
    /// Who runs, with whether a contest waits for it.
    private func running(_ stage: Stage) async throws -> [String] {
        try await stage.owner.column(
            """
            SELECT id || ' ' || right(hotkey, 1) || CASE WHEN affine.is_ahead(e) THEN ' ahead' ELSE '' END
            FROM affine.evaluation e WHERE state = 'running' ORDER BY id
            """)
    }

    /// The contest of a and b runs, and of those behind b as many run ahead as may.
    private func withContest(
        _ letters: String, lookAhead: Int, attempts: Int16 = 3, _ body: (Stage, [TestMiner]) async throws -> Void
    ) async throws {
        try await Stage.with({ $0.lookAhead = lookAhead }) { stage in
            let miners = try await stage.prepare(letters, attempts: attempts)
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await body(stage, miners)
        }
    }

    @Test("while a contest runs the next miners' evaluations begin, and their contests take them over")
    func takenOver() async throws {
        try await withContest("abcd", lookAhead: 2) { stage, miners in
            try await #expect(running(stage) == ["2 b", "3 c ahead", "4 d ahead"])
            let ahead = try await stage.crew([miners[2]])
            try await stage.drain(ahead) { _ in .scored(100) }
            try await #expect(
                stage.owner.column("SELECT right(hotkey, 1) || ' ' || evaluated_ahead FROM ops.queue ORDER BY position")
                    == ["c 1", "d 0"])
            // The contest of c needs no worker any more.
            try await stage.play([miners[1]]) { _ in .scored(0) }
            try await #expect(stage.verdicts() == ["champion_keeps", "champion_keeps", "null"])
            try await #expect(
                stage.owner.column("SELECT challenger_evaluation FROM affine.contest ORDER BY id") == ["2", "3", "4"])
            for contest in try await stage.contests().prefix(2) {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            }
        }
    }

    @Test("what runs ahead changes no verdict and no digest of an outcome, in whichever order it is done")
    func sameOutcomes() async throws {
        func outcomes(lookAhead: Int, backwards: Bool) async throws -> [String] {
            try await FreshDatabase.provide(.migrated) {
                try await Stage.with({ $0.lookAhead = lookAhead }) { stage in
                    let miners = try await stage.prepare("abcdef", count: 20)
                    let judge: Judge = { job in
                        let level: [Character: Int64] = ["a": 300, "b": 250, "c": 800, "d": 820, "e": 950, "f": 100]
                        return job.task % 7 == 0 && job.miner == "d"
                            ? .modelFault : .scored(level[job.miner, default: 0] + job.task % 50)
                    }
                    try await stage.play(backwards ? miners.reversed() : miners, runs: 2, judge)
                    return try await stage.owner.column(
                        "SELECT id || verdict::text || encode(outcome_digest, 'hex') FROM affine.contest ORDER BY id")
                }
            }
        }
        let plain = try await outcomes(lookAhead: 0, backwards: false)
        #expect(plain.count == 5)
        #expect(plain.contains { $0.contains("dethroned") } && plain.contains { $0.contains("champion_keeps") })
        for (lookAhead, backwards) in [(1, false), (1, true), (3, true)] {
            try await #expect(outcomes(lookAhead: lookAhead, backwards: backwards) == plain)
        }
    }

    @Test("a worker that serves both models takes the contest's jobs first, and then goes on with what runs ahead")
    func contestFirst() async throws {
        try await withContest("abc", lookAhead: 1) { stage, miners in
            let worker = try await FakeWorker.registered(on: stage)
            let both = [try await worker.serve(miners[2]), try await worker.serve(miners[1])]
            var evaluations: [Int64] = []
            while let lease = try await worker.database.run(
                Claim(worker: worker.id, deployments: both, environments: nil, runs: 1)
            ).first {
                evaluations.append(lease.evaluation)
                // A try that failed goes to the tail, which still comes before what runs ahead.
                let isFirst = lease.attempt == 1 && lease.evaluation == 2
                _ = try await worker.settle([lease], isFirst ? .infraFault : .scored(0))
            }
            #expect(evaluations == Array(repeating: 2, count: 40) + Array(repeating: 3, count: 20))
        }
    }

    @Test("open work names what runs ahead last, though it was planned first")
    func order() async throws {
        try await withContest("abc", lookAhead: 1) { stage, miners in
            // c runs ahead as number 3; then somebody with an earlier block comes before it.
            try await stage.admit("d", from: 0)
            try await stage.play([miners[1]]) { _ in .scored(0) }
            try await #expect(running(stage) == ["3 c ahead", "4 d"])
            let worker = try await FakeWorker.registered(on: stage)
            try await #expect(
                stage.workers.column("SELECT right(model, 1) || is_ahead FROM affine.open_work('\(worker.id)', 'h')")
                    == ["dfalse", "ctrue"])
        }
    }

    @Test("a miner that no longer waits has nothing running, and the next one's begins")
    func left() async throws {
        try await withContest("abcd", lookAhead: 1) { stage, miners in
            try await #expect(running(stage) == ["2 b", "3 c ahead"])
            try await ArenaControl(database: stage.coordinator).invalidate(miners[2].hotkey, reason: "gated")
            try await stage.arena.advance()
            try await #expect(running(stage) == ["2 b", "4 d ahead"])
            try await #expect(
                stage.owner.value("SELECT state || ': ' || state_reason FROM affine.evaluation WHERE id = 3")
                    == "cancelled: the miner no longer waits for a contest with it")
        }
    }

    @Test("infrastructure that fails ahead of a contest costs the miner nothing: its contest begins with a new round")
    func spoilt() async throws {
        try await withContest("abc", lookAhead: 1, attempts: 1) { stage, miners in
            try await stage.drain(stage.crew([miners[2]])) { $0.position == 3 ? .infraFault : .scored(0) }
            try await stage.play(miners) { _ in .scored(0) }
            try await #expect(stage.verdicts() == ["champion_keeps", "champion_keeps"])
            try await #expect(
                stage.owner.column(
                    "SELECT id || ' ' || round || ' ' || state FROM affine.evaluation WHERE id > 2 ORDER BY id"
                )
                .first == "3 1 cancelled")
            try await #expect(
                stage.owner.value("SELECT void_contests FROM affine.miner WHERE hotkey = '\(miners[2].hotkey)'") == "0")
        }
    }

    @Test("nothing begins ahead in a paused arena, or in a window that is due to be redrawn; a redraw ends what runs")
    func notWorthIt() async throws {
        try await withContest("abc", lookAhead: 0) { stage, miners in
            var settings = stage.settings
            settings.lookAhead = 1
            let arena = Arena(database: stage.coordinator, settings: settings, logger: FreshDatabase.logger)
            let control = ArenaControl(database: stage.coordinator)
            try await control.pause(reason: "maintenance")
            try await arena.advance()
            try await #expect(running(stage) == ["2 b"])
            try await control.resume(reason: "done")
            try await arena.advance()
            try await #expect(running(stage) == ["2 b", "3 c ahead"])
            try await stage.observe(100 + settings.refreshBlocks)
            try await stage.play([miners[1]]) { _ in .scored(0) }
            try await #expect(
                stage.owner.value("SELECT state || ': ' || state_reason FROM affine.evaluation WHERE id = 3")
                    == "cancelled: window 1 closed")
        }
    }
}
