import Coordinator
import Domain
import Rules
import TestSupport
import Testing

@Suite("What the chain shows", .migratedDatabase) struct ChainIntakeTests {
    private func slots(_ stage: Stage) async throws -> [String] {
        try await stage.owner.column(
            "SELECT concat_ws(' ', uid, COALESCE(ltrim(right(hotkey, 2), 'A'), '-'), ltrim(right(anchor_hotkey, 2), 'A')) FROM affine.neuron ORDER BY uid"
        )
    }

    @Test("a slot keeps the hotkey it was registered with as its anchor until it is registered anew")
    func anchors() async throws {
        try await Stage.with { stage in
            let (b, c) = (try ChainMiner(1).hotkey, try ChainMiner(2).hotkey)
            try await stage.see(100, [Neuron(uid: 5, hotkey: b, registeredBlock: 90)], [])
            try await #expect(slots(stage) == ["5 B B"])
            try await stage.see(101, [Neuron(uid: 5, hotkey: c, registeredBlock: 90)], [])
            try await #expect(slots(stage) == ["5 C B"])
            try await stage.see(102, [], [])
            try await #expect(slots(stage) == ["5 - B"])
            try await stage.see(103, [Neuron(uid: 5, hotkey: c, registeredBlock: 103)], [])
            try await #expect(slots(stage) == ["5 C C"])
        }
    }

    @Test("a view that is older than what is known changes nothing, and the same one twice neither")
    func older() async throws {
        try await Stage.with { stage in
            let miner = try ChainMiner(1)
            let reveal = Reveal(hotkey: miner.hotkey, block: 100, payload: miner.payload)
            let intake = ChainIntake(database: stage.coordinator)
            let view = ChainView(head: try Stage.block(101), neurons: [miner.neuron], reveals: [reveal])
            try await #expect(intake.apply(view) == 1)
            try await #expect(intake.apply(view) == 0)
            try await stage.see(99, [], [])
            try await #expect(slots(stage) == ["1 B B"])
            let forked = ChainView(
                head: Block(number: 101, hash: try BlockHash(String(repeating: "f", count: 64))), neurons: [],
                reveals: [])
            await #expect(throws: ChainError.self) { try await intake.apply(forked) }
        }
    }

    @Test("a uid that moves, and one that is given to a stranger, change nothing but the uid")
    func uids() async throws {
        try await Stage.with { stage in
            let hub = HubStandIn()
            let miners = try [ChainMiner(1), ChainMiner(2)]
            for miner in miners { hub[miner.repository] = HubStandIn.Repository(weights: [miner.repository]) }
            let reveals = miners.map { Reveal(hotkey: $0.hotkey, block: 9_000_000, payload: $0.payload) }
            try await stage.see(9_000_001, miners.map(\.neuron), reveals)
            try await stage.admitAll(hub)
            let stranger = try ChainMiner(9)
            try await stage.see(
                9_000_002,
                [
                    Neuron(uid: 1, hotkey: stranger.hotkey, registeredBlock: 9_000_002),
                    Neuron(uid: 77, hotkey: miners[1].hotkey, registeredBlock: 9_000_002),
                ], reveals)
            try await #expect(stage.miners() == ["pending", "77 pending"])
        }
    }

    @Test("what a re-organisation takes back leaves no trace")
    func reorganisation() throws {
        var chain = RecordedChain(depth: 2)
        func block(_ number: Int64, _ fork: Character, on parent: Character, reveals: Int? = nil) throws
            -> RecordedBlock
        {
            func hash(_ number: Int64, _ fork: Character) -> String {
                "\(number)" + String(repeating: fork, count: 64 - "\(number)".count)
            }
            var block = RecordedBlock(number: number, hash: hash(number, fork), parent: hash(number - 1, parent))
            if let reveals {
                let miner = try ChainMiner(reveals)
                block.registered = [.init(uid: miner.uid, hotkey: miner.hotkey)]
                block.revealed = [.init(hotkey: miner.hotkey, payload: "{}")]
            }
            return block
        }
        #expect(try chain.append(block(10, "a", on: "a", reveals: 1)) == nil)
        #expect(try chain.append(block(11, "b", on: "a", reveals: 2)) == nil && chain.view == nil)
        // Block 11 is replaced, and what was in it is gone.
        #expect(try chain.append(block(11, "c", on: "a", reveals: 3)) == nil)
        #expect(try chain.append(block(12, "c", on: "c"))?.number == 10)
        #expect(try chain.append(block(13, "c", on: "c"))?.number == 11)
        let view = try #require(chain.view)
        #expect(view.head.number == 11 && view.neurons.map(\.uid) == [1, 3])
        #expect(view.reveals.map(\.hotkey) == (try [1, 3].map { try ChainMiner($0).hotkey }))
        let tooDeep = #expect(throws: InvalidValue.self) { try chain.append(block(11, "d", on: "a")) }
        #expect(tooDeep?.description.contains("what is final can't be re-organised") == true)
        #expect(throws: InvalidValue.self) { try chain.append(block(15, "c", on: "c")) }
        var young = RecordedChain(depth: 2)
        _ = try young.append(block(10, "a", on: "a"))
        #expect(throws: InvalidValue.self) { try young.append(block(40, "e", on: "e")) }
        #expect(try young.append(block(10, "b", on: "b")) == nil)
    }
}
