import Coordinator
import CoordinatorAPI
import Digest
import Domain
import FoundationEssentials
import HTTPClient
import Hummingbird
import Rules
import TestSupport
import Testing

@Suite("The public API", .migratedDatabase, .timeLimit(.minutes(5))) struct PublicAPITests {
    private func serving(
        _ stage: Stage, burn: String = "0", _ body: @escaping @Sendable (String, HTTPClient) async throws -> Void
    ) async throws {
        let router = Router(context: ClientContext.self)
        PublicAPI(database: stage.coordinator, burn: try #require(Score(decimal: burn))).addRoutes(to: router)
        try await Served.with(router) { try await body("\($0)/api/v1", $1) }
    }

    private static func keys(_ value: JSONValue?) -> [String] {
        guard case .object(let members)? = value else { return [] }
        return members.keys.sorted()
    }

    /// Miner a holds the throne, b lost, c meets it, d waits and e is invalid; all have uids but e.
    private func prepared(_ body: (Stage, [TestMiner]) async throws -> Void) async throws {
        try await Stage.with({ $0.refreshBlocks = 50 }) { stage in
            let miners = try await stage.prepare("abcde")
            try await ArenaControl(database: stage.coordinator).invalidate(miners[4].hotkey, reason: "hf_repo_gated")
            try await stage.play(Array(miners.prefix(2))) { .scored($0.miner == "a" ? 700 : 600) }
            try await stage.see(
                101,
                miners.prefix(4).enumerated().map { Neuron(uid: Int32($0 + 1), hotkey: $1.hotkey, registeredBlock: 1) },
                [])
            try await body(stage, miners)
        }
    }

    @Test("existing clients find the shapes they read, and nothing that is sealed in them")
    func shapes() async throws {
        try await prepared { stage, miners in
            try await serving(stage) { url, http in
                let rank = try await Reply.get("\(url)/rank/current?top=32&queue_limit=10", http)
                #expect(rank.status == 200 && Self.keys(rank.body) == ["meta", "queue", "scores", "window"])
                let window = rank.body["window"]
                #expect(
                    Self.keys(window) == [
                        "battle", "champion", "champion_overlap_avgs", "enabled_envs", "live_sampling_uids",
                        "past_champions", "sample_averages", "sample_counts", "sample_details", "task_refresh_block",
                        "terminal_scores",
                    ])
                #expect(
                    Self.keys(window?["champion"])
                        == ["hotkey", "model", "model_type", "revision", "since_block", "uid"])
                #expect(window?["champion"]?["uid"] == .integer(1) && window?["task_refresh_block"] == .integer(100))
                #expect(window?["battle"]?["challenger"]?["uid"] == .integer(3))
                #expect(window?["live_sampling_uids"] == .array([.integer(3)]))
                #expect(window?["sample_counts"]?["1"] == .object(["abd": .integer(10), "ded": .integer(10)]))
                let queue = rank.body["queue"]?.arrayValue ?? []
                #expect(queue.map { $0["uid"] } == [.integer(4)] && queue[0]["position"] == .integer(1))
                #expect(
                    Self.keys(queue[0]) == [
                        "challenge_status", "enqueued_at", "first_block", "hotkey", "model", "model_type", "position",
                        "revision", "termination_reason", "uid",
                    ])
                let rows = rank.body["scores"]?["scores"]?.arrayValue ?? []
                #expect(rows.map { $0["challenge_status"] } == [.string("champion"), .string("terminated")])
                #expect(rows[0]["scores_by_env"] == .object([:]) && rows[0]["overall_score"] == .integer(1))
                #expect(
                    rows[1]["termination_reason"]
                        == .string("lost_to_champion:\(miners[0].hotkey.rawValue.prefix(10))"))
                // The champion's mean is in nothing that anybody can read while the window is open.
                let texts = try await [
                    "rank/current", "scores/latest", "contests", "miners/uid/2", "scores/uid/2", "scores/uid/1",
                ].asyncMap { path in "\(try await Reply.get("\(url)/\(path)", http).body)" }
                #expect(texts.allSatisfy { !$0.contains("number(0.7") && !$0.contains("7000000000") })
            }
        }
    }

    @Test("once the window is closed a contest's scores and its whole record are open to all")
    func opened() async throws {
        try await prepared { stage, miners in
            try await serving(stage) { url, http in
                let sealed = try await Reply.get("\(url)/contests/2/export", http)
                #expect(sealed.status == 403)
                #expect(sealed.body["detail"] == .string("contest 2 is sealed until its window closes"))
                let contest = try await Reply.get("\(url)/contests/2", http).body
                #expect(contest["is_sealed"] == .bool(true) && contest["explanation"] == .null)
                let list = try await Reply.get("\(url)/contests", http).body.arrayValue
                #expect(list?.last == contest["contest"] && list?.last?["contest"] == .integer(2))
            }
            try await stage.observe(150)
            try await stage.play(Array(miners.prefix(3))) { .scored($0.miner == "a" ? 700 : 600) }
            try await serving(stage) { url, http in
                let rank = try await Reply.get("\(url)/rank/current", http)
                let terminal = rank.body["window"]?["terminal_scores"]?["2"]?["abd"]
                #expect(terminal?["champion_overlap_avg"]?.doubleValue == 0.7)
                let explained = try await Reply.get("\(url)/contests/2", http).body
                #expect(explained["is_sealed"] == .bool(false))
                #expect(explained["explanation"]?["verdict"] == .string("champion_keeps"))
                #expect(explained["explanation"]?["environments"]?.arrayValue?.count == 2)
                #expect(try await Reply.get("\(url)/contests/99", http).status == 404)
                let windows = try await Reply.get("\(url)/windows?limit=1", http).body.arrayValue ?? []
                #expect(windows.map { $0["window"] } == [.integer(2)] && windows[0]["contests"] == .integer(1))
                let rule = try RuleDocument(parsing: windows[0]["rule"]?.stringValue ?? "")
                #expect(windows[0]["rule_digest"] == .string(rule.digest.hex))
                let environments = try await Reply.get("\(url)/environments", http).body.arrayValue ?? []
                #expect(environments.map { $0["environment"] } == [.string("abd"), .string("ded")])
                #expect(
                    environments[0]["margin"]?.doubleValue == 0.1 && environments[0]["sampling_count"] == .integer(10))
                let archive = try await Reply.get("\(url)/contests/2/export", http)
                let contest = try JSONDecoder().decode(ContestArchive.self, from: Data(archive.bytes))
                #expect(contest.replay().match && contest.contest == ContestID(rawValue: 2))
            }
        }
    }

    @Test("a miner is found by uid and by hotkey; who is not there, and what is no number, is told as clients know it")
    func miners() async throws {
        try await prepared { stage, miners in
            try await serving(stage) { url, http in
                let byUID = try await Reply.get("\(url)/miners/uid/2", http)
                let byHotkey = try await Reply.get("\(url)/miners/hotkey/\(miners[1].hotkey)", http)
                #expect(byUID.body == byHotkey.body)
                #expect(
                    Self.keys(byUID.body) == [
                        "block_number", "challenge_status", "first_block", "hotkey", "invalid_reason", "is_valid",
                        "model", "model_hash", "model_type", "revision", "termination_reason", "uid",
                    ])
                let invalid = try await Reply.get("\(url)/miners/hotkey/\(miners[4].hotkey)", http)
                #expect(invalid.body["is_valid"] == .bool(false) && invalid.body["uid"] == .integer(-1))
                #expect(invalid.body["invalid_reason"] == .string("hf_repo_gated"))
                for path in [
                    "miners/uid/77", "miners/uid/-1", "miners/uid/x", "miners/hotkey/5x", "scores/uid/9", "config/x",
                ] {
                    let missing = try await Reply.get("\(url)/\(path)", http)
                    #expect(
                        missing.status == 404 && missing.body["detail"]?.stringValue?.hasPrefix("there is no") == true)
                }
                for path in ["rank/current?top=0", "scores/latest?top=x", "contests?limit=1000", "contests/x/export"] {
                    #expect(try await Reply.get("\(url)/\(path)", http).status == 422, "\(path)")
                }
            }
        }
    }

    @Test("whoever holds a slot or committed, and is no miner, is told why not")
    func notMiners() async throws {
        try await Stage.with { stage in
            let hub = HubStandIn()
            let chain = try (1...3).map { try ChainMiner($0) }
            hub[chain[2].repository] = HubStandIn.Repository()
            let reveals = [
                Reveal(hotkey: chain[1].hotkey, block: 9_000_001, payload: "{"),
                Reveal(hotkey: chain[2].hotkey, block: 9_000_002, payload: chain[2].payload),
            ]
            try await stage.see(9_000_010, chain.map(\.neuron), reveals)
            try await stage.admitAll(hub)
            try await serving(stage) { url, http in
                let admitted = try await Reply.get("\(url)/miners/uid/3", http).body
                #expect(admitted["is_valid"] == .bool(true) && admitted["invalid_reason"] == .null)
                for (miner, reason, block) in [
                    (chain[0], "no_commit", 0), (chain[1], "invalid_json_commit", 9_000_001),
                ] as [(ChainMiner, String, Int64)] {
                    for path in ["uid/\(miner.uid)", "hotkey/\(miner.hotkey)"] {
                        let told = try await Reply.get("\(url)/miners/\(path)", http).body
                        #expect(told["invalid_reason"] == .string(reason) && told["is_valid"] == .bool(false))
                        #expect(told["uid"] == .integer(Int64(miner.uid)) && told["first_block"] == .integer(block))
                        #expect(Self.keys(told) == Self.keys(admitted))
                    }
                }
            }
        }
    }

    @Test("what did not change is not sent again, and any page may read")
    func caching() async throws {
        try await prepared { stage, _ in
            try await serving(stage) { url, http in
                let first = try await Reply.get("\(url)/miners/uid/2", http)
                let tag = try #require(first.header("etag"))
                #expect(first.header("cache-control") == "public, max-age=1")
                #expect(first.header("access-control-allow-origin") == "*")
                let second = try await Reply.get("\(url)/miners/uid/2", http, etag: tag)
                #expect(second.status == 304 && second.body == .null)
                #expect(try await Reply.get("\(url)/health", http).body["status"] == .string("ok"))
            }
        }
    }

    @Test("a validator sets what the API says, with the burn applied, and nothing that is old or that nobody answers")
    func validator() async throws {
        try await prepared { stage, _ in
            try await serving(stage, burn: "0.25") { url, http in
                let weights = try await Reply.get("\(url)/scores/weights/latest", http)
                #expect(weights.body["weights"] == .object(["1": .object(["weight": .integer(1)])]))
                #expect(
                    Self.keys(weights.body["config"])
                        == ["win_margin", "win_min_dominant_envs", "win_not_worse_tolerance", "window_id"])
                var settings = ValidatorService.Settings(api: url + "/")
                settings.tries = 1
                let vector = try await ValidatorService.weights(settings, http: http, head: 150)
                #expect(
                    vector.shares.map(\.uid) == [0, 1] && vector.shares.map(\.share) == [250_000_000, 750_000_000])
                let stale = await #expect(throws: ValidatorError.self) {
                    try await ValidatorService.weights(settings, http: http, head: 202)
                }
                #expect(stale?.description.contains("of block 101, the chain is at 202") == true)
                settings.api = url + "/nowhere"
                await #expect(throws: ValidatorError.self) {
                    try await ValidatorService.weights(settings, http: http, head: 150)
                }
            }
        }
    }

    @Test("a validator process follows the chain, reads the API and sets weights with its own wallet")
    func validatorRuns() async throws {
        try await prepared { stage, _ in
            try await serving(stage) { url, http in
                let folder = try BridgeFolder(chain: "{}")
                let hotkey = try await folder.makeWallet()
                try folder.write(#"{"blocks": [110], "neurons": {"3": ["\#(hotkey)", 90]}}"#)
                let service = ValidatorService(
                    settings: .init(api: url), http: http,
                    bridge: ChainBridge(
                        folder: folder.path, wallet: .init(name: "cold", hotkey: "hot", path: folder.wallets)),
                    logger: FreshDatabase.logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await service.run() }
                    while try folder.chain["taken"] == nil { try await Task.sleep(for: .milliseconds(50)) }
                    group.cancelAll()
                }
                #expect(try folder.chain["taken"]?["uids"] == .array([.integer(1)]))
                #expect(try folder.chain["taken"]?["signer"] == .string(hotkey.rawValue))
                try folder.remove()
            }
        }
    }

    @Test(
        "weights are normalised, and those of nobody are burnt",
        arguments: [
            (#"{"5": {"weight": 1}}"#, "0.3", [0: 300_000_000, 5: 700_000_000] as [Int32: Int64]),
            (#"{"-1": {"weight": 1}}"#, "0", [0: 1_000_000_000]),
            (#"{"5": {"weight": 3}, "1001": {"weight": 1}}"#, "0", [0: 250_000_000, 5: 750_000_000]),
            (#"{"5": {"weight": 0}, "7": {"weight": -1}}"#, "0", [0: 1_000_000_000]),
        ])
    func published(weights: String, burn: String, expected: [Int32: Int64]) throws {
        let text = #"{"block_number": 7, "weights": \#(weights)}"#
        let published = try JSONDecoder().decode(PublishedWeights.self, from: Data(text.utf8))
        let vector = try published.vector(burn: #require(Score(decimal: burn)))
        #expect(Dictionary(uniqueKeysWithValues: vector.shares.map { ($0.uid, $0.share) }) == expected)
    }
}

extension Array {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
