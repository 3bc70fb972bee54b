import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite("What an operator may do", .migratedDatabase) struct ControlTests {
    @Test("a paused arena ends what runs and begins nothing, until it is resumed")
    func pause() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await #expect(stage.verdicts() == ["null"])
            let control = ArenaControl(database: stage.coordinator)
            try await control.pause(reason: "maintenance")
            try await #expect(stage.play(miners) { _ in .scored(500) } == "an operator paused the arena")
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await control.resume(reason: "done")
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(stage.verdicts() == ["champion_keeps", "champion_keeps"])
            try await #expect(
                stage.owner.column("SELECT kind || ' ' || reason FROM affine.event WHERE subject = 'arena' ORDER BY id")
                    == ["arena.paused maintenance", "arena.resumed done"])
        }
    }

    @Test("a window that is rotated is drawn anew at once, from the same block with other tasks")
    func rotate() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("a")
            try await stage.play(miners) { _ in .scored(500) }
            try await ArenaControl(database: stage.coordinator).rotate(reason: "a task leaked")
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', id, opened_block, state) FROM affine.task_window ORDER BY id")
                    == ["1 100 closed", "2 100 open"])
            let history = WindowHistory(database: stage.coordinator)
            for window in [1, 2] {
                let check = try await history.verifyPools(of: WindowID(rawValue: Int64(window)))
                #expect(check.block == 100 && check.pools.map(\.tasks) == [11, 11])
                #expect(check.pools.allSatisfy { $0.firstDifference == nil })
            }
        }
    }

    @Test("a pool that is not the drawn one is found out at its first task")
    func tampered() async throws {
        try await Stage.with { stage in
            try await stage.play(stage.prepare("a")) { _ in .scored(500) }
            try await stage.owner.execute(
                """
                SET session_replication_role = replica;
                UPDATE affine.window_task SET task_id = 999999 WHERE environment = 1 AND ordinal = 4;
                SET session_replication_role = origin
                """)
            let check = try await WindowHistory(database: stage.coordinator).verifyPools(of: WindowID(rawValue: 1))
            #expect(check.pools.map(\.firstDifference) == [4, nil])
        }
    }

    @Test("a contest that is open can be ended as void, and its miner returns to its place; history still replays")
    func void() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let contest = try #require(try await stage.contests().first)
            await #expect(throws: InvalidValue.self) { try await stage.arena.voidContest(contest, reason: "") }
            try await stage.arena.voidContest(contest, reason: "the host lied")
            try await #expect(stage.verdicts() == ["void"])
            try await #expect(stage.state(of: miners[1]) == "pending")
            try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            try await #expect(ChainAuditor(database: stage.coordinator).audit().problem == nil)
            await #expect(throws: InvalidValue.self) { try await stage.arena.voidContest(contest, reason: "twice") }
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(stage.verdicts() == ["void", "champion_keeps", "champion_keeps"])
        }
    }

    @Test("a contest whose verdict is certain can't be ended otherwise")
    func certain() async throws {
        try await Stage.with({ $0.curtail = false }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            for _ in 0..<16 { _ = try await crew.work(runs: 1) { _ in .scored(0) } }
            let contest = try #require(try await stage.contests().first)
            let error = await #expect(throws: InvalidValue.self) {
                try await stage.arena.voidContest(contest, reason: "please")
            }
            #expect(error?.description.contains("champion_keeps for certain") == true)
            try await #expect(stage.events("contest.void_asked") == 0)
        }
    }

    @Test("only who waits can be invalidated, and who met the champion can't be reinstated")
    func miners() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0], miners[1]]) { .scored($0.miner == "a" ? 900 : 100) }
            let control = ArenaControl(database: stage.coordinator)
            await #expect(throws: InvalidValue.self) { try await control.invalidate(miners[0].hotkey, reason: "x") }
            try await #expect(stage.state(of: miners[1]) == "terminated")
            let refused = await #expect(throws: PostgresError.self) {
                try await control.reinstate(miners[1].hotkey, reason: "x")
            }
            #expect(refused?.message.contains("has met the champion") == true)
        }
    }
}
