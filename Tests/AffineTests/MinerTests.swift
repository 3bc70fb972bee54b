import Affine
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct MinerTests {
    private static let miner = #"""
        {"uid": 12, "hotkey": "5G", "model": "owner/affine-x", "revision": "abc", "model_type": null, "is_valid": true,
         "challenge_status": "sampling", "termination_reason": null, "first_block": 5}
        """#

    private let arena = LoopbackServer { request in
        request.line.hasPrefix("GET /api/v1/miners/uid/12 ")
            ? [.answer(body: MinerTests.miner.utf8)]
            : [.answer(404, body: #"{"detail":"there is no such miner"}"#.utf8)]
    }

    @Test("A registered miner is found by its uid, and its model is asked by its name", arguments: ["", "/"])
    func found(end: String) async throws {
        let miner = try await Evaluator().miner(uid: 12, arena: arena.url + "/api/v1" + end)
        #expect(miner.uid == 12 && miner.hotkey == "5G" && miner.revision == "abc")
        #expect(miner.isValid == true && miner.status == "sampling")
        let model = ServedModel(of: miner, baseURL: "http://host/v1", temperature: 1, seed: 3, apiKey: "k")
        #expect(model.name == "owner/affine-x" && model.baseURL == "http://host/v1")
        #expect(model.temperature == 1 && model.seed == 3 && model.apiKey == "k")
    }

    @Test("A uid that nobody has, an arena that is none and one that can't be reached are told apart")
    func failures() async throws {
        let missing = await #expect(throws: ArenaError.self) {
            try await Evaluator().miner(uid: 7, arena: arena.url + "/api/v1")
        }
        #expect(missing?.code == .refused(status: 404))
        #expect(missing?.description.hasSuffix("/miners/uid/7: there is no such miner (status 404)") == true)
        let page = LoopbackServer { _ in [.answer(body: "<html>".utf8)] }
        let malformed = await #expect(throws: ArenaError.self) { try await Evaluator().miner(uid: 7, arena: page.url) }
        #expect(malformed?.code == .malformed)
        let dead = await #expect(throws: ArenaError.self) {
            try await Evaluator().miner(uid: 7, arena: "http://u:secret@127.0.0.1:\(DeadPort.refusing())/api/v1")
        }
        #expect(dead?.code == .unreachable && dead?.description.contains("secret") == false)
        let invalid = await #expect(throws: InvalidValue.self) { try await Evaluator().miner(uid: 7, arena: "nowhere") }
        #expect(invalid?.field == "arena's API")
    }
}
