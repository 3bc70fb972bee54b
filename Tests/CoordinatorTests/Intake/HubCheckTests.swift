import Coordinator
import Domain
import Foundation
import Testing

@Suite("Checks of what the hub shows") struct HubCheckTests {
    private static func finding(
        _ policy: AdmissionPolicy = AdmissionPolicy(), _ change: (inout HubStandIn.Repository) -> Void = { _ in }
    ) async throws -> AdmissionFinding {
        let miner = try ChainMiner(3)
        let hub = HubStandIn()
        var repository = HubStandIn.Repository()
        change(&repository)
        hub[miner.repository] = repository
        let application = Application(
            hotkey: miner.hotkey, reveals: [Reveal(hotkey: miner.hotkey, block: 9_000_000, payload: miner.payload)],
            slot: (miner.uid, miner.hotkey))
        let model = try #require(application.model)
        return HubChecks.finding(on: await hub.client.look(at: model), in: application, under: policy)
    }

    private static func reason(_ finding: AdmissionFinding) -> String? {
        if case .refusedIfConfirmed(let reason, _) = finding { reason } else { nil }
    }

    @Test("a model as it should be passes; its configuration may be behind a redirect")
    func pass() async throws {
        try await #expect(Self.finding() == .pass)
    }

    @Test("what is wrong with a repository is named as clients read it, and needs to be seen twice")
    func refusals() async throws {
        try await #expect(Self.reason(Self.finding { $0.isDisabled = true }) == "hf_repo_disabled")
        try await #expect(Self.reason(Self.finding { $0.isPrivate = true }) == "hf_repo_private")
        try await #expect(Self.reason(Self.finding { $0.gated = #""manual""# }) == "hf_repo_gated")
        try await #expect(Self.reason(Self.finding { $0.hasRevision = false }) == "hf_revision_not_found")
        let commit = String(repeating: "b", count: 40)
        try await #expect(Self.reason(Self.finding { $0.commit = commit }) == "revision_mismatch:hf=\(commit)")
        try await #expect(Self.reason(Self.finding { $0.weights = [] }) == "model_check:no_weights")
        try await #expect(Self.reason(Self.finding { $0.status = 403 }) == "hf_repo_private")
        try await #expect(
            Self.reason(Self.finding { $0.titles = ["Duplicate from them/theirs"] })
                == "duplicate_repo:from=them/theirs")
        try await #expect(
            Self.reason(Self.finding { $0.titles = [String](repeating: "x", count: 101) })
                == "duplicate_repo:from=blocked:too_many_commits")
        try await #expect(
            Self.reason(Self.finding { $0.titles = [String(repeating: "x", count: 201)] })
                == "duplicate_repo:from=blocked:commit_msg_too_long")
        try await #expect(
            Self.reason(Self.finding { $0.template = nil }) == "malicious_template:missing_chat_template")
        try await #expect(
            Self.reason(Self.finding { $0.template = String(repeating: "x", count: 100_001) })
                == "malicious_template:template_exceeds_context_limit:100001")
    }

    @Test(
        "a hub that refuses our own token says nothing of a model, and one that hides a repository says it is not there"
    )
    func ownToken() async throws {
        let refused = try await Self.finding {
            ($0.status, $0.headers) = (401, ["x-error-message: Invalid credentials in Authorization header"])
        }
        #expect(refused == .unknown("hf_model_fetch_failed", evidence: "the hub refuses our token (HF_TOKEN)"))
        let hidden = try await Self.finding { ($0.status, $0.headers) = (401, ["x-error-code: RepoNotFound"]) }
        #expect(Self.reason(hidden) == "hf_repo_not_found")
    }

    @Test("lengths are counted in scalars, of which a character may have any number")
    func scalars() async throws {
        let accents = "a" + String(repeating: "\u{301}", count: 100_000)
        try await #expect(
            Self.reason(Self.finding { $0.template = accents })
                == "malicious_template:template_exceeds_context_limit:100001")
        try await #expect(
            Self.reason(Self.finding { $0.titles = ["a" + String(repeating: "\u{301}", count: 200)] })
                == "duplicate_repo:from=blocked:commit_msg_too_long")
    }

    @Test("a model has to be of an allowed architecture, with every field, and not quantised")
    func architectures() async throws {
        var policy = AdmissionPolicy()
        policy.architectures = [
            .init(
                name: "wide", fields: ["text_config.hidden_size": .integer(2048), "text_config.layers": .integer(4)]),
            .init(name: "narrow", fields: ["hidden_size": .integer(64)]),
        ]
        try await #expect(Self.finding(policy) == .pass)
        let nested = #"{"text_config": {"hidden_size": 2048, "layers": 4}}"#
        try await #expect(Self.finding(policy) { $0.config = nested } == .pass)
        try await #expect(
            Self.reason(Self.finding(policy) { $0.config = #"{"text_config": {"hidden_size": 2048}}"# })
                == "model_check:model_not_allowed:text_config.layers=absent (expected 4)")
        try await #expect(
            Self.reason(Self.finding { $0.config = #"{"quantization_config": {"quant_method": "awq"}}"# })
                == "model_check:quantized_model:awq")
        try await #expect(Self.reason(Self.finding { $0.config = "{" }) == "model_check:config_parse_failed")
    }

    @Test("nothing follows from a hub that is away, busy or confused", arguments: [429, 500, 502, 418])
    func away(status: Int) async throws {
        let finding = try await Self.finding { $0.status = status }
        guard case .unknown("hf_model_fetch_failed", let evidence) = finding else {
            Issue.record("\(finding)")
            return
        }
        #expect(evidence.contains("\(status)"))
    }

    @Test("a hub that asks for a pause is not asked again meanwhile, and the token goes to nobody else")
    func pause() async throws {
        let hub = HubStandIn()
        let model = try ModelReference(repository: "a/affine", revision: String(repeating: "a", count: 40))
        hub["a/affine"] = HubStandIn.Repository(status: 429)
        _ = await hub.client.look(at: model)
        let answer = await hub.client.look(at: model)
        #expect(answer == .unavailable("the hub asked for a pause") && hub.requests.count == 1)
        #expect(hub.tokens == ["Bearer hf_secret"])
    }

    @Test("a hub that is spoken to over TLS can't send us to anybody who is not")
    func redirects() {
        let hub = "https://hub.example"
        #expect(HubClient.target(of: "/resolve/x", from: hub) == "https://hub.example/resolve/x")
        #expect(HubClient.target(of: "HTTPS://cdn.example/x", from: hub) == "HTTPS://cdn.example/x")
        for place in [
            "http://169.254.169.254/latest", "http://127.0.0.1:5432/", "file:///etc/passwd", "gopher://x", "x", "",
        ] {
            #expect(HubClient.target(of: place, from: hub) == nil, "\(place)")
        }
        #expect(HubClient.target(of: "//169.254.169.254/", from: hub)?.hasPrefix(hub) == true)
        #expect(HubClient.target(of: "http://127.0.0.1:9/x", from: "http://127.0.0.1:8") == "http://127.0.0.1:9/x")
    }

    @Test("what a revision holds is asked once, whether it may be seen each time")
    func cached() async throws {
        let hub = HubStandIn()
        let model = try ModelReference(repository: "a/affine", revision: String(repeating: "a", count: 40))
        hub["a/affine"] = HubStandIn.Repository()
        let first = await hub.client.look(at: model)
        let asked = hub.requests.count
        #expect(await hub.client.look(at: model) == first)
        #expect(hub.requests.count == asked + 1)
        hub["a/affine"]?.isPrivate = true
        guard case .found(let found) = await hub.client.look(at: model) else { return #expect(Bool(false)) }
        #expect(found.isPrivate)
    }

    @Test("what was missing at one look is asked for at the next: two looks are two observations")
    func missingFile() async throws {
        let hub = HubStandIn()
        let model = try ModelReference(repository: "a/affine", revision: String(repeating: "a", count: 40))
        hub["a/affine"] = HubStandIn.Repository(config: "{", template: nil)
        guard case .found(let first) = await hub.client.look(at: model) else { return #expect(Bool(false)) }
        #expect(first.config == nil && first.chatTemplates == [])
        hub["a/affine"] = HubStandIn.Repository()
        guard case .found(let second) = await hub.client.look(at: model) else { return #expect(Bool(false)) }
        #expect(second.config != nil && second.chatTemplates == ["{{ messages }}"])
    }

    @Test("every template that an engine may take is looked at, wherever it lies")
    func templates() async throws {
        let long = String(repeating: "x", count: 100_001)
        for (file, text) in [
            ("chat_template.jinja", long), ("chat_template.json", #"{"chat_template": "\#(long)"}"#),
            ("tokenizer_config.json", #"{"chat_template": [{"name": "default", "template": "\#(long)"}]}"#),
        ] {
            let finding = try await Self.finding {
                if file == "tokenizer_config.json" { $0.template = nil }
                $0.files[file] = text
            }
            #expect(Self.reason(finding) == "malicious_template:template_exceeds_context_limit:100001", "\(file)")
        }
        let named = #"{"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]}"#
        #expect(HubModel.templates(in: "tokenizer_config.json", named.utf8) == ["a", "b"])
        for nothing in ["{}", "[", #"{"chat_template": 5}"#, #"{"chat_template": [{"name": "default"}]}"#] {
            #expect(HubModel.templates(in: "tokenizer_config.json", nothing.utf8) == [], "\(nothing)")
        }
    }

    @Test("the model hash is that of the sorted, distinct weights, whatever else is in the repository")
    func modelHash() {
        var model = HubModel(commit: "x")
        #expect(model.modelHash == nil)
        model.weightHashes = ["b", "a", "b"]
        var other = HubModel(commit: "y")
        other.weightHashes = ["a", "b"]
        #expect(model.modelHash == other.modelHash && model.modelHash?.count == 64)
    }
}
