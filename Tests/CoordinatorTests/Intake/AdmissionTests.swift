import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite("Admission", .migratedDatabase) struct AdmissionTests {
    /// Miners who committed in the order of their numbers, with repositories of their own.
    private func stage(
        _ numbers: ClosedRange<Int>, _ body: (Stage, HubStandIn, [ChainMiner]) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            let hub = HubStandIn()
            let miners = try numbers.map { try ChainMiner($0) }
            for miner in miners { hub[miner.repository] = HubStandIn.Repository(weights: [miner.repository]) }
            try await body(stage, hub, miners)
        }
    }

    private func reveals(_ miners: [ChainMiner]) -> [Reveal] {
        miners.map { Reveal(hotkey: $0.hotkey, block: 9_000_000 + Int64($0.uid), payload: $0.payload) }
    }

    @Test("miners enter the queue in the order of their commitments, whoever's checks were done first")
    func queue() async throws {
        try await stage(1...3) { stage, hub, miners in
            hub[miners[0].repository]?.status = 500
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub)
            try await #expect(
                stage.admissions() == ["1 checking hf_model_fetch_failed", "2 admitted final", "3 admitted final"])
            hub[miners[0].repository]?.status = nil
            try await stage.owner.execute("UPDATE affine.admission SET next_check_at = clock_timestamp()")
            try await stage.admitAll(hub)
            try await #expect(stage.miners() == ["1 pending", "2 pending", "3 pending"])
        }
    }

    @Test("a 404 ends nobody at the first look, and does so at a second one far enough apart")
    func transient() async throws {
        try await stage(1...1) { stage, hub, miners in
            let repository = hub[miners[0].repository]
            hub[miners[0].repository] = nil
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            let policy = AdmissionPolicy()
            try await stage.admitAll(hub, policy: policy)
            try await #expect(stage.admissions() == ["1 checking hf_repo_not_found"])
            // Looked at again too soon: nothing follows, however often.
            for _ in 0..<3 {
                try await stage.owner.execute("UPDATE affine.admission SET next_check_at = clock_timestamp()")
                try await stage.admitAll(hub, policy: policy)
            }
            try await #expect(stage.admissions() == ["1 checking hf_repo_not_found"])
            hub[miners[0].repository] = repository
            try await stage.owner.execute("UPDATE affine.admission SET next_check_at = clock_timestamp()")
            try await stage.admitAll(hub, policy: policy)
            try await #expect(stage.miners() == ["1 pending"])
        }
    }

    @Test("what two looks a quarter of an hour apart say is final, with evidence, and an operator can take it back")
    func confirmed() async throws {
        try await stage(1...1) { stage, hub, miners in
            hub[miners[0].repository] = nil
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub, policy: AdmissionPolicy())
            try await stage.owner.execute(
                "UPDATE affine.admission SET since = since - interval '15 minutes', next_check_at = clock_timestamp()")
            try await stage.admitAll(hub, policy: AdmissionPolicy())
            try await #expect(stage.admissions() == ["1 refused final hf_repo_not_found"])
            try await #expect(stage.miners() == ["1 invalid hf_repo_not_found"])
            try await #expect(
                stage.owner.value("SELECT detail->>'evidence' FROM affine.event WHERE kind = 'miner.invalidated'")
                    == "\(miners[0].repository)@\(miners[0].revision): 404")
            let control = ArenaControl(database: stage.coordinator)
            await #expect(throws: InvalidValue.self) { try await control.reinstate(miners[0].hotkey, reason: " ") }
            try await control.reinstate(miners[0].hotkey, reason: "the hub was down")
            try await #expect(stage.miners() == ["1 pending reinstated: the hub was down"])
            await #expect(throws: PostgresError.self) {
                try await control.reinstate(miners[0].hotkey, reason: "again")
            }
            try await #expect(stage.events("miner.reinstated") == 1)
        }
    }

    @Test("of equal weights the earliest commitment wins, also over those who wait already")
    func plagiarism() async throws {
        try await stage(1...3) { stage, hub, miners in
            for miner in miners { hub[miner.repository]?.weights = ["the same", "and more"] }
            hub[miners[0].repository]?.status = 503
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub)
            try await #expect(
                stage.miners() == ["2 pending", "3 invalid plagiarism:duplicate_of_uid=2"])
            hub[miners[0].repository]?.status = nil
            try await stage.owner.execute("UPDATE affine.admission SET next_check_at = clock_timestamp()")
            try await stage.admitAll(hub)
            try await #expect(
                stage.miners() == [
                    "1 pending", "2 invalid plagiarism:duplicate_of_uid=1", "3 invalid plagiarism:duplicate_of_uid=2",
                ])
        }
    }

    @Test("a second commitment ends a miner that waits, and changes nothing for one that met the champion")
    func secondCommitment() async throws {
        try await stage(1...3) { stage, hub, miners in
            try await stage.define(.test("abd"))
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub)
            // Miner 1 is crowned; nobody serves models, so the others wait.
            try await stage.arena.advance()
            let again = miners.map { Reveal(hotkey: $0.hotkey, block: 9_000_020, payload: $0.payload) }
            try await stage.see(9_000_021, miners.map(\.neuron), reveals(miners) + Array(again.prefix(2)))
            try await stage.admitAll(hub)
            try await #expect(
                stage.miners() == [
                    "1 champion crowned: the throne was empty", "2 invalid multiple_commits:count=2", "3 pending",
                ])
        }
    }

    @Test("a commitment that comes while an earlier one is looked at is looked at itself")
    func meanwhile() async throws {
        try await stage(1...1) { stage, hub, miners in
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            let again = Reveal(hotkey: miners[0].hotkey, block: 9_000_020, payload: miners[0].payload)
            let slow = SlowHub(hub: hub.client) {
                try? await stage.see(9_000_021, miners.map(\.neuron), reveals(miners) + [again])
            }
            try await AdmissionService(database: stage.coordinator, asking: slow, policy: .test).advance()
            try await #expect(stage.admissions() == ["1 checking"])
            try await stage.admitAll(hub)
            try await #expect(stage.miners() == ["1 invalid multiple_commits:count=2"])
        }
    }

    @Test("what was seen of one commitment confirms nothing of the next")
    func confirmsNothing() async throws {
        try await stage(1...1) { stage, hub, miners in
            hub[miners[0].repository] = nil
            let early = Reveal(hotkey: miners[0].hotkey, block: 7_000_000, payload: miners[0].payload)
            try await stage.see(7_000_001, miners.map(\.neuron), [early])
            try await stage.admitAll(hub, policy: AdmissionPolicy())
            try await stage.owner.execute("UPDATE affine.admission SET since = since - interval '1 hour'")
            let later = Reveal(hotkey: miners[0].hotkey, block: 7_000_002, payload: miners[0].payload)
            try await stage.see(7_000_003, miners.map(\.neuron), [early, later])
            try await stage.admitAll(hub, policy: AdmissionPolicy())
            try await #expect(stage.admissions() == ["1 checking hf_repo_not_found"])
        }
    }

    @Test("of what a stranger's repository says no more is kept than fits, and nothing that the database can't hold")
    func strangersWords() async throws {
        try await stage(1...2) { stage, hub, miners in
            let long = String(repeating: "x", count: 100_000)
            hub[miners[0].repository]?.config = #"{"quantization_config": {"quant_method": "\#(long)"}}"#
            hub[miners[1].repository]?.config = #"{"quantization_config": {"quant_method": "a\u0000b"}}"#
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub)
            try await #expect(
                stage.miners() == [
                    "1 invalid model_check:quantized_model:" + String(long.prefix(300 - 28)),
                    "2 invalid model_check:quantized_model:ab",
                ])
        }
    }

    @Test("what says nothing can be said anew before the blocks from which one commitment is all there is")
    func anew() async throws {
        try await stage(1...1) { stage, hub, miners in
            let empty = Reveal(hotkey: miners[0].hotkey, block: 7_000_000, payload: "{")
            try await stage.see(7_000_001, miners.map(\.neuron), [empty])
            try await stage.admitAll(hub)
            try await #expect(stage.admissions() == ["1 refused invalid_json_commit"])
            try await #expect(stage.miners() == [])
            let said = Reveal(hotkey: miners[0].hotkey, block: 7_000_002, payload: miners[0].payload)
            try await stage.see(7_000_003, miners.map(\.neuron), [empty, said])
            try await stage.admitAll(hub)
            try await #expect(stage.miners() == ["1 pending"])
        }
    }

    @Test("a miner that an operator added is left alone when its commitment is seen")
    func addedByHand() async throws {
        try await stage(1...2) { stage, hub, miners in
            let model = try ModelReference(repository: miners[0].repository, revision: miners[0].revision)
            try await MinerIntake(database: stage.coordinator).admit(
                hotkey: miners[0].hotkey, model: model, block: 5, uid: nil, actor: "operator")
            try await stage.see(9_000_010, miners.map(\.neuron), reveals(miners))
            try await stage.admitAll(hub)
            try await #expect(stage.miners() == ["1 pending", "2 pending"])
        }
    }
}

/// A hub that takes so long to answer that something happens meanwhile.
private struct SlowHub: Hub {
    let hub: HubClient
    let meanwhile: @Sendable () async -> Void

    func look(at model: ModelReference) async -> HubAnswer {
        await meanwhile()
        return await hub.look(at: model)
    }
}
