import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite(.migratedDatabase) struct ColdStartTests {
    @Test("with no champion the head of the queue, by block and then hotkey, is crowned, its weights written at once")
    func crowning() async throws {
        try await Stage.with { stage in
            try await stage.observe(100)
            try await stage.admit("c", from: 5)
            try await stage.admit("b", from: 4)
            try await stage.admit("a", from: 4)
            try await #expect(stage.arena.advance() == "no environment is enabled")
            try await #expect(
                stage.owner.column(
                    "SELECT concat_ws(' ', id, right(hotkey, 1), contest, from_block, to_block) FROM affine.reign")
                    == ["1 a 100"])
            try await #expect(
                stage.owner.column(
                    """
                    SELECT concat_ws(' ', s.reign, s.block, right(w.hotkey, 1), w.share_nano)
                    FROM affine.weight_snapshot s JOIN affine.weight w ON w.snapshot = s.id
                    """) == ["1 100 a 1000000000"])
            try await #expect(
                stage.owner.column("SELECT right(hotkey, 1) || ' ' || state FROM affine.miner ORDER BY 1")
                    == ["a champion", "b pending", "c pending"])
            try await #expect(stage.events("miner.crowned") == 1)
        }
    }

    @Test("before the first block, and without miners, nothing happens")
    func waiting() async throws {
        try await Stage.with { stage in
            try await #expect(stage.arena.advance() == "no block was seen yet")
            try await stage.observe(1)
            try await #expect(stage.arena.advance() == "no miner is in the queue")
        }
    }

    @Test("a hotkey's second commitment is refused, with the one that stands and what became of it")
    func oneLifetime() async throws {
        try await Stage.with { stage in
            let miners = try await stage.admit("ab", from: 3)
            let error = await #expect(throws: IntakeError.self) {
                try await MinerIntake(database: stage.coordinator).admit(
                    hotkey: miners[0].hotkey, model: miners[1].model, block: 9, uid: 1, actor: "test")
            }
            #expect(
                error?.description
                    == "hotkey \(miners[0].hotkey) already committed \(miners[0].model) at block 3 and is pending: "
                    + "a hotkey has one lifetime, so use another hotkey")
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.commitment") == "2")
            try await #expect(stage.events("miner.admitted") == 2)
        }
    }

    @Test("of two that admit the same hotkey at once, one is refused and one lifetime begins")
    func atOnce() async throws {
        try await Stage.with { stage in
            let miner = try TestMiner("a")
            let admitted = await withTaskGroup { group in
                for block in 1...4 {
                    group.addTask {
                        let intake = MinerIntake(database: stage.coordinator)
                        return
                            (try? await intake.admit(
                                hotkey: miner.hotkey, model: miner.model, block: Int64(block), uid: nil, actor: "test"))
                            != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 1)
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.commitment") == "1")
        }
    }

    @Test("a block number and a uid that no chain has are refused by name", arguments: [(-1, 0), (1, 65_536), (1, -1)])
    func malformed(block: Int64, uid: Int32) async throws {
        try await Stage.with { stage in
            let miner = try TestMiner("a")
            let error = await #expect(throws: InvalidValue.self) {
                try await MinerIntake(database: stage.coordinator).admit(
                    hotkey: miner.hotkey, model: miner.model, block: block, uid: uid, actor: "test")
            }
            #expect(error?.field == (block < 0 ? "block" : "uid"))
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.commitment") == "0")
        }
    }

    @Test(
        "the database refuses a commitment that is not one, whoever writes it",
        arguments: [
            ("0OIl", "models/a", "ab"), ("5", "models", "ab"), ("5", "../a", "ab"), ("5", "models/a", "main"),
        ])
    func constraints(hotkey: String, model: String, revision: String) async throws {
        try await Stage.with { stage in
            let key = hotkey + String(repeating: "a", count: 48 - hotkey.count)
            let commit = revision == "ab" ? String(repeating: "ab", count: 20) : revision
            let error = await stage.owner.refusal(
                "INSERT INTO affine.commitment (hotkey, model, revision, block) VALUES ('\(key)', '\(model)', '\(commit)', 1)"
            )
            #expect(error?.sqlState == "23514")
        }
    }

    @Test("a block seen twice is harmless; another hash for the same number is refused")
    func blocks() async throws {
        try await Stage.with { stage in
            try await stage.observe(7)
            try await stage.observe(7)
            await #expect(throws: ChainError.self) {
                try await ChainBlocks(database: stage.coordinator).observe(
                    Block(number: 7, hash: Stage.block(8).hash), actor: "test")
            }
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.chain_block") == "1")
        }
    }
}
