import Coordinator
import Domain
import Rules
import TestSupport
import Testing

/// The real SDK and the real bridge, over a chain in memory that stands beside them.
@Suite("The bridge to the chain", .timeLimit(.minutes(5))) struct ChainBridgeTests {
    @Test("final blocks are shown in order, with who holds which uid and every commitment that was revealed")
    func watch() async throws {
        let miner = try ChainMiner(7)
        let folder = try BridgeFolder(
            chain: #"{"blocks": [100, 101], "neurons": {"7": ["\#(miner.hotkey)", 90]}, "#
                + #""reveals": {"\#(miner.hotkey)": [[95, "{\"a\": 1}"], [99, "second"]]}}"#)
        var views: [ChainView] = []
        let ended = await #expect(throws: ChainBridgeError.self) {
            try await ChainBridge(folder: folder.path).watch { views.append($0) }
        }
        #expect(ended?.description == "the bridge ended with exited(0)")
        #expect(views.map(\.head.number) == [100, 101])
        let view = try #require(views.last)
        #expect(view.head.hash.hex.hasSuffix("65"))
        #expect(view.neurons == [Neuron(uid: 7, hotkey: miner.hotkey, registeredBlock: 90)])
        #expect(view.reveals.map(\.payload) == [#"{"a": 1}"#, "second"] && view.reveals.map(\.block) == [95, 99])
        try folder.remove()
    }

    @Test("what was never sealed is no commitment")
    func plain() async throws {
        let miner = try ChainMiner(7)
        let folder = try BridgeFolder(
            chain: #"{"blocks": [100], "plain": {"\#(miner.hotkey)": [98, "{}"]}, "#
                + #""reveals": {"\#(miner.hotkey)": [[95, "first"]]}}"#)
        var views: [ChainView] = []
        await #expect(throws: ChainBridgeError.self) {
            try await ChainBridge(folder: folder.path).watch { views.append($0) }
        }
        #expect(views.first?.reveals.map(\.payload) == ["first"])
        try folder.remove()
    }

    @Test("a chain that falls silent ends the bridge, which is then begun anew, and no call waits for ever")
    func silent() async throws {
        let folder = try BridgeFolder(chain: "{}")
        let hotkey = try await folder.makeWallet()
        try folder.write(
            #"{"blocks": [100], "neurons": {"3": ["\#(hotkey)", 90]}, "silent": true, "patience": 4}"#)
        var views: [ChainView] = []
        let ended = await #expect(throws: ChainBridgeError.self) {
            try await ChainBridge(folder: folder.path).watch { views.append($0) }
        }
        #expect(ended?.description == "the bridge ended with exited(1)" && views.count == 1)
        let bridge = ChainBridge(folder: folder.path, wallet: .init(name: "cold", hotkey: "hot", path: folder.wallets))
        let error = await #expect(throws: ChainBridgeError.self) {
            try await bridge.setWeights(WeightVector(rewards: [], uids: [:], burn: .zero))
        }
        #expect(error?.description == "the chain said nothing for 4 s")
        try folder.remove()
    }

    @Test("weights are signed by the wallet's hotkey in the bridge, and the final block is told")
    func setWeights() async throws {
        let folder = try BridgeFolder(chain: "{}")
        let hotkey = try await folder.makeWallet()
        try folder.write(#"{"blocks": [100], "neurons": {"3": ["\#(hotkey)", 90]}}"#)
        let bridge = ChainBridge(
            folder: folder.path, wallet: .init(name: "cold", hotkey: "hot", path: folder.wallets))
        let weights = WeightVector(
            rewards: [(hotkey, 1)], uids: [hotkey: 5], burn: try #require(Score(decimal: "0.3")))
        try await #expect(bridge.setWeights(weights) == 101)
        let taken = try folder.chain["taken"]
        #expect(taken?["signer"] == .string(hotkey.rawValue))
        #expect(taken?["uids"] == .array([.integer(0), .integer(5)]))
        #expect(taken?["weights"] == .array([.integer(28_086), .integer(65_535)]))
        try folder.remove()
    }

    @Test(
        "what the chain or the SDK refuses is told in their words",
        arguments: [
            (#"{"blocks": [100], "neurons": {}}"#, "is not registered on netuid 120"),
            (#"{"blocks": [100], "neurons": {"3": ["HOTKEY", 90]}, "rate_limit": 100}"#, "rate limit"),
            (
                #"{"blocks": [100], "neurons": {"3": ["HOTKEY", 90]}, "refuses": "not enough stake"}"#,
                "not enough stake"
            ),
        ])
    func refused(chain: String, message: String) async throws {
        let folder = try BridgeFolder(chain: "{}")
        let hotkey = try await folder.makeWallet()
        try folder.write(chain.replacing("HOTKEY", with: hotkey.rawValue))
        let bridge = ChainBridge(
            folder: folder.path, wallet: .init(name: "cold", hotkey: "hot", path: folder.wallets))
        let error = await #expect(throws: ChainBridgeError.self) {
            try await bridge.setWeights(WeightVector(rewards: [], uids: [:], burn: .zero))
        }
        #expect(error?.description.lowercased().contains(message) == true, "\(error?.description ?? "")")
        try folder.remove()
    }

    @Test("a hotkey's standing is told, and its commitment is sealed, signed by it, and made once")
    func commit() async throws {
        let folder = try BridgeFolder(chain: "{}")
        let hotkey = try await folder.makeWallet()
        try folder.write(
            #"{"blocks": [100], "neurons": {"3": ["\#(hotkey)", 90]}, "reveals": {"5Other": [[95, "x"]]}}"#)
        let (bridge, wallet) = (
            ChainBridge(folder: folder.path), ChainBridge.Wallet(name: "cold", hotkey: "hot", path: folder.wallets)
        )
        let before = try await bridge.standing(of: wallet)
        #expect(before.hotkey == hotkey && before.block == 100 && before.uid == 3)
        #expect(before.reveals.isEmpty && before.sealedBlock == nil)
        let model = try ModelReference(repository: "a/affine-x", revision: String(repeating: "a", count: 40))
        let receipt = try await bridge.commit(model, as: wallet, again: false)
        #expect(receipt.block == 101 && receipt.opensAt.hasSuffix("Z"))
        // The ciphertext of the text behind its length of two bytes, as the chain opens it.
        let text = #"{"model":"a/affine-x","revision":"\#(model.revision)"}"#
        try #expect(folder.chain["ciphertext_bytes"] == .integer(Int64(text.utf8.count) + 2 + 244))
        try await #expect(bridge.standing(of: wallet).sealedBlock == 101)
        let again = await #expect(throws: ChainBridgeError.self) {
            try await bridge.commit(model, as: wallet, again: false)
        }
        #expect(again?.description.contains("has a commitment since block 101") == true, "\(again?.description ?? "")")
        try folder.remove()
    }

    @Test("a bridge of another version is refused, and one that says nothing understandable")
    func versions() async throws {
        for (says, message) in [
            (#"print('{"bridge": 2}')"#, "speaks another version than 1"),
            ("print('hello')", "speaks another version than 1"),
            (#"print('{"bridge": 1}'); print('{"head": 7}')"#, "the bridge said '{\"head\": 7}'"),
        ] {
            let folder = try BridgeFolder(chain: "{}", bridge: says)
            let error = await #expect(throws: ChainBridgeError.self) {
                try await ChainBridge(folder: folder.path).watch { _ in }
            }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
            try folder.remove()
        }
    }
}
