import Coordinator
import Domain
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Weights on their way to the chain", .migratedDatabase) struct WeightTests {
    /// A chain that takes weights, or does not.
    private final class Writer: WeightWriter {
        struct Refused: Error {}
        private let state = Mutex<(refusals: Int, taken: [WeightVector])>((0, []))

        init(refusals: Int = 0) {
            state.withLock { $0.refusals = refusals }
        }

        var taken: [WeightVector] { state.withLock { $0.taken } }

        func setWeights(_ weights: WeightVector) async throws -> Int64 {
            try state.withLock { state in
                guard state.refusals == 0 else {
                    state.refusals -= 1
                    throw Refused()
                }
                state.taken.append(weights)
            }
            return 4_711
        }
    }

    private static func vector(
        _ rewards: [(Int, Int64)], uids: [Int] = [], burn: String = "0"
    ) throws -> [Int32: Int64] {
        let all = try rewards.map { (hotkey: try ChainMiner($0.0).hotkey, share: $0.1) }
        let known = Dictionary(uniqueKeysWithValues: try uids.map { (try ChainMiner($0).hotkey, Int32($0)) })
        let vector = WeightVector(rewards: all, uids: known, burn: try #require(Score(decimal: burn)))
        #expect(vector.shares.map(\.share).reduce(0, +) == Score.unit)
        return Dictionary(uniqueKeysWithValues: vector.shares.map { ($0.uid, $0.share) })
    }

    @Test("shares add up to one exactly, what is burnt goes to uid 0, and so does who is not registered")
    func vectors() throws {
        #expect(try Self.vector([(5, 1)], uids: [5]) == [5: 1_000_000_000])
        #expect(try Self.vector([(5, 1)], uids: [5], burn: "0.3") == [0: 300_000_000, 5: 700_000_000])
        #expect(try Self.vector([(5, 1)]) == [0: 1_000_000_000])
        #expect(try Self.vector([]) == [0: 1_000_000_000])
        #expect(try Self.vector([(5, 1)], uids: [5], burn: "1") == [0: 1_000_000_000])
        #expect(
            try Self.vector([(1, 1), (2, 1), (3, 1)], uids: [1, 2, 3])
                == [0: 1, 1: 333_333_333, 2: 333_333_333, 3: 333_333_333])
    }

    @Test("weights are due every 180 blocks even when nothing changed, from the first coronation on")
    func everyInterval() async throws {
        try await crowned { stage, miner in
            let emissions = WeightEmissions(database: stage.coordinator, settings: EmissionSettings())
            let writer = Writer()
            try await #expect(emissions.plan())
            try await #expect(!emissions.plan())
            try await #expect(emissions.submit(through: writer))
            try await #expect(!emissions.submit(through: writer))
            try await stage.see(9_000_180, [miner.neuron], [])
            try await #expect(!emissions.plan())
            try await stage.see(9_000_181, [miner.neuron], [])
            try await #expect(emissions.plan())
            // Nobody was there to send it before the next was due.
            try await stage.see(9_000_361, [], [])
            try await #expect(emissions.plan())
            try await #expect(emissions.submit(through: writer))
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', block, status, weights) FROM ops.weight_emission ORDER BY id")
                    == [
                        #"9000001 final {"1": 1.000000000}"#,
                        #"9000181 superseded {"1": 1.000000000}"#,
                        #"9000361 final {"0": 1.000000000}"#,
                    ])
            #expect(writer.taken.map { $0.shares.map(\.uid) } == [[1], [0]])
        }
    }

    @Test("weights that the chain does not take are tried again, and what went wrong is told")
    func retried() async throws {
        try await crowned { stage, _ in
            let emissions = WeightEmissions(database: stage.coordinator, settings: EmissionSettings())
            let writer = Writer(refusals: 2)
            try await emissions.plan()
            // Each time after a longer pause, so that a chain which limits rates is not asked all the time.
            for pause in [10, 20] {
                await #expect(throws: Writer.Refused.self) { try await emissions.submit(through: writer) }
                try await pass(pause - 2, on: stage)
                try await #expect(!emissions.submit(through: writer))
                try await pass(2, on: stage)
            }
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', status, tries, detail) FROM ops.weight_emission")
                    == ["due 2 Refused()"])
            try await #expect(emissions.submit(through: writer))
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', status, tries, detail) FROM ops.weight_emission")
                    == ["final 3 block 4711"])
            // However often it was refused, it is tried again within ten minutes.
            try await stage.see(9_000_400, [], [])
            try await emissions.plan()
            try await stage.owner.execute(
                "UPDATE affine.weight_emission SET tries = 1000, sent_at = clock_timestamp() WHERE status = 'due'")
            try await #expect(!emissions.submit(through: writer))
            try await pass(600, on: stage)
            try await #expect(emissions.submit(through: writer))
        }
    }

    private func pass(_ seconds: Int, on stage: Stage) async throws {
        try await stage.owner.execute(
            """
            UPDATE affine.weight_emission SET sent_at = sent_at - interval '\(seconds) s' WHERE status IN ('due', 'sent')
            """)
    }

    @Test("what a coordinator sent and never heard of again is sent once more, and what is final can't be changed")
    func lost() async throws {
        try await crowned { stage, _ in
            let emissions = WeightEmissions(database: stage.coordinator, settings: EmissionSettings())
            try await emissions.plan()
            try await stage.owner.execute(
                "UPDATE affine.weight_emission SET status = 'sent', sent_at = clock_timestamp() - interval '9 minutes'")
            try await #expect(!emissions.submit(through: Writer()))
            try await stage.owner.execute("UPDATE affine.weight_emission SET sent_at = sent_at - interval '2 minutes'")
            try await #expect(emissions.submit(through: Writer()))
            await #expect(throws: PostgresError.self) {
                try await stage.owner.execute("UPDATE affine.weight_emission SET shares = '{1}'")
            }
        }
    }

    @Test("the reward can be shared among the last champions, as far as they are registered")
    func shared() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 900) }
            try await #expect(stage.champion() == ["b"])
            let neurons = miners.enumerated().map { index, miner in
                Neuron(uid: Int32(index + 1), hotkey: miner.hotkey, registeredBlock: 1)
            }
            try await stage.see(101, neurons, [])
            var settings = EmissionSettings()
            settings.rewardedChampions = 3
            settings.burn = Score(nano: 100_000_000)
            let writer = Writer()
            let emissions = WeightEmissions(database: stage.coordinator, settings: settings)
            try await emissions.plan()
            try await emissions.submit(through: writer)
            #expect(writer.taken.first?.shares.map(\.share) == [100_000_000, 450_000_000, 450_000_000])
        }
    }

    /// Miner 1 on the throne, seen at block 9,000,001.
    private func crowned(_ body: (Stage, ChainMiner) async throws -> Void) async throws {
        try await Stage.with { stage in
            let (hub, miner) = (HubStandIn(), try ChainMiner(1))
            hub[miner.repository] = HubStandIn.Repository()
            try await stage.see(
                9_000_001, [miner.neuron], [Reveal(hotkey: miner.hotkey, block: 9_000_000, payload: miner.payload)])
            try await stage.admitAll(hub)
            try await stage.arena.advance()
            try await body(stage, miner)
        }
    }
}
