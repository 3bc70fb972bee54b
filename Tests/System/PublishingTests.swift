import Domain
import FoundationEssentials
import TestSupport
import Testing

/// `af commit` and `af miner-deploy`: the real SDK over a chain in memory, the real hub client against a hub in memory.
@Suite(.timeLimit(.minutes(10))) struct PublishingTests {
    /// A wallet, a bridge and a hub with nothing in it, and a folder with a model that admission lets in.
    private struct Workshop: Sendable {
        let bridge: BridgeFolder
        let hub: HubFolder
        let hotkey: Hotkey
        var repository: String { "alice/affine-\(hotkey)" }
        var model: String { "\(hub.path)/model" }

        static func open(
            fault: String? = nil, _ body: @escaping @Sendable (Workshop) async throws -> Void
        ) async throws {
            let bridge = try BridgeFolder(chain: "{}")
            let hotkey = try await bridge.makeWallet()
            try bridge.write(#"{"blocks": [9000000], "neurons": {"3": ["\#(hotkey)", 90]}}"#)
            try await HubFolder.serving(#"{"token": "hf_secret", "repositories": {}}"#) { hub in
                let shop = Workshop(bridge: bridge, hub: hub, hotkey: hotkey)
                try FileManager.default.createDirectory(atPath: shop.model, withIntermediateDirectories: true)
                try shop.write("model.safetensors", "weights")
                try shop.write("config.json", #"{"hidden_size": 64}"#)
                try shop.write("tokenizer_config.json", #"{"chat_template": "{{ messages }}"}"#)
                try await body(shop)
            }
            try bridge.remove()
        }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(model)/\(name)"))
        }

        func run(_ arguments: String..., token: String = "hf_secret") async throws -> Program.Ended {
            try await Program.run(
                arguments + [
                    "--bridge", bridge.path, "--wallet", "cold", "--hotkey", "hot", "--wallet-path", bridge.wallets,
                ], environment: ["HF_TOKEN": token, "HF_ENDPOINT": hub.url, "AFFINE_HUB_CLIENT": hub.path])
        }

        /// The newest commit on the hub.
        var newest: JSONValue? {
            get throws { try hub.state["repositories"]?[repository]?["commits"]?.arrayValue?.last }
        }
    }

    @Test("a model is checked, uploaded as the folder is, looked at again, and committed; once")
    func deploy() async throws {
        try await Workshop.open { shop in
            let ended = try await shop.run(
                "miner-deploy", "-r", shop.repository, "-p", shop.model, "-m", "My model", "--json")
            #expect(ended.exitCode == 0, "\(ended.errors)")
            let report = try ended.json()
            #expect(report["success"] == .bool(true) && report["objections"] == .array([]))
            #expect(report["block"] == .integer(9_000_001) && report["hotkey"] == .string(shop.hotkey.rawValue))
            let commit = try shop.newest
            #expect(report["revision"] == commit?["id"] && commit?["title"] == .string("My model"))
            #expect(commit?["files"]?["model.safetensors"] == .string("weights"))
            try #expect(shop.bridge.chain["sealed"]?[shop.hotkey.rawValue] == .integer(9_000_001))
            #expect(!(ended.output + ended.errors).contains("hf_secret"))

            let again = try await shop.run(
                "commit", "--repo", shop.repository, "--revision", report["revision"]?.stringValue ?? "")
            #expect(again.exitCode == 1 && again.errors.contains("multiple_commits:count=2"), "\(again.errors)")
            #expect(again.errors.contains("Nothing was committed; --anyway commits \(shop.repository)@"))
        }
    }

    @Test("a second upload of the folder makes no commit, and one of less takes away what is not in the folder")
    func mirror() async throws {
        try await Workshop.open { shop in
            let words = ["miner-deploy", "--repo", shop.repository, "--folder", shop.model, "--skip-commit", "--json"]
            func upload() async throws -> JSONValue? {
                let ended = try await shop.run(words[0], words[1], words[2], words[3], words[4], words[5], words[6])
                #expect(ended.exitCode == 0, "\(ended.errors)")
                return try ended.json()["revision"]
            }
            try shop.write("old.safetensors", "old")
            let first = try await upload()
            try await #expect(upload() == first)
            try FileManager.default.removeItem(atPath: "\(shop.model)/old.safetensors")
            try await #expect(upload() != first)
            guard case .object(let files)? = try shop.newest?["files"] else { return #expect(Bool(false)) }
            #expect(
                files.keys.sorted() == [".gitattributes", "config.json", "model.safetensors", "tokenizer_config.json"])
            try #expect(shop.bridge.chain["sealed"] == nil)
        }
    }

    @Test("a dry run names everything that admission would refuse, and touches neither hub nor chain")
    func dryRun() async throws {
        try await Workshop.open { shop in
            let good = try await shop.run(
                "miner-deploy", "--repo", shop.repository, "--folder", shop.model, "--dry-run", "--json")
            #expect(good.exitCode == 0, "\(good.errors)")
            #expect(try good.json()["would"] == .string("upload and commit"))
            try shop.write("config.json", #"{"quantization_config": {"quant_method": "awq"}}"#)
            let bad = try await shop.run(
                "miner-deploy", "--repo", "alice/model", "--folder", shop.model, "--dry-run", "--json")
            #expect(bad.exitCode == 1)
            let reasons = try bad.json()["objections"]?.arrayValue?.compactMap { $0["reason"]?.stringValue }
            #expect(
                reasons == [
                    "model_name_missing_affine", "repo_name_not_ending_with_hotkey:repo=model",
                    "model_check:quantized_model:awq",
                ])
            let real = try await shop.run("miner-deploy", "--repo", "alice/model", "--folder", shop.model)
            #expect(real.exitCode == 1 && real.errors.contains("Nothing was uploaded"), "\(real.errors)")
            try #expect(shop.hub.requests == [] && shop.bridge.chain["sealed"] == nil)
        }
    }

    @Test("who may not write is told by the hub's status and what it takes, and nothing is committed")
    func unauthorised() async throws {
        try await Workshop.open { shop in
            for token in ["", "hf_other"] {
                let ended = try await shop.run(
                    "miner-deploy", "--repo", shop.repository, "--folder", shop.model, token: token)
                #expect(ended.exitCode == 1)
                #expect(
                    ended.complaints == [
                        "Error: the hub does not allow that with '\(shop.repository)' (status 401): "
                            + "HF_TOKEN needs a token that may"
                    ])
            }
            try shop.hub.write(
                #"{"token": "hf_secret", "repositories": {"\#(shop.repository)": {"fault": "swap", "commits": "#
                    + #"[{"id": "\#(String(repeating: "0", count: 40))", "title": "first", "files": {}}]}}}"#)
            let swapped = try await shop.run("miner-deploy", "--repo", shop.repository, "--folder", shop.model)
            #expect(swapped.exitCode == 1 && swapped.errors.contains("but the hub says"), "\(swapped.errors)")
            try #expect(shop.bridge.chain["sealed"] == nil)
        }
    }

    @Test("a hotkey that is not registered is warned, and the chain's own refusal is told in its words")
    func unregistered() async throws {
        try await Workshop.open { shop in
            try shop.bridge.write(#"{"blocks": [9000000], "neurons": {}}"#)
            let revision = String(repeating: "b", count: 40)
            let warned = try await shop.run(
                "commit", "--repo", shop.repository, "--revision", revision, "--dry-run", "--json")
            #expect(warned.exitCode == 1)
            let reasons = try warned.json()["objections"]?.arrayValue?.compactMap { $0["reason"]?.stringValue }
            #expect(reasons == ["not_registered", "hf_repo_not_found"])
            let refused = try await shop.run("commit", "--repo", shop.repository, "--revision", revision, "--anyway")
            #expect(refused.exitCode == 1 && refused.errors.contains("AccountNotAllowedCommit"), "\(refused.errors)")
        }
    }

    @Test("what is missing or malformed is named before anything is asked")
    func refusals() async throws {
        let revision = String(repeating: "a", count: 40)
        for (arguments, message) in [
            (["commit", "--repo", "model", "--revision", revision, "--wallet", "w"], "model 'model' is not valid"),
            (["commit", "--repo", "a/b", "--revision", "main", "--wallet", "w"], "revision 'main' is not valid"),
            (
                ["commit", "--repo", "a/b", "--revision", revision, "--wallet", "w"],
                "a commitment needs the bridge to the chain: --bridge or AFFINE_BRIDGE names its folder"
            ),
            (
                ["commit", "--repo", "a/b", "--revision", revision, "--wallet", "w", "--bridge", "/nowhere"],
                "there is no bridge in '/nowhere': run 'deploy/chain-bridge/install /nowhere'"
            ),
            (["pull", "7"], "the hub needs its client: --hub-client or AFFINE_HUB_CLIENT names its folder"),
            (
                ["pull", "7", "--hub-client", "/nowhere"],
                "there is no client of the hub in '/nowhere': run 'deploy/hub-client/install /nowhere'"
            ),
            (["pull"], "which miner? Give a uid or --hotkey, and only one of them"),
        ] {
            let ended = try await Program.run(arguments)
            #expect(ended.exitCode != 0 && ended.complaints.first?.contains(message) == true, "\(ended.errors)")
        }
    }
}
