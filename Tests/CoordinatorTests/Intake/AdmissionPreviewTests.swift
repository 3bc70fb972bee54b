import Coordinator
import Digest
import Domain
import Foundation
import Testing

/// What a miner is told before it commits, by admission's own checks.
@Suite("Admission, before a commitment is made") struct AdmissionPreviewTests {
    private let hotkey: Hotkey
    private let model: ModelReference

    init() throws {
        hotkey = try Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
        model = try ModelReference(repository: "a/affine-\(hotkey)", revision: String(repeating: "a", count: 40))
    }

    private func standing(uid: Int32? = 7, reveals: [Reveal] = [], sealed: Int64? = nil) -> ChainStanding {
        ChainStanding(hotkey: hotkey, block: 9_000_000, uid: uid, reveals: reveals, sealedBlock: sealed)
    }

    private var good: HubModel {
        var good = HubModel(commit: model.revision)
        good.weightHashes = ["x"]
        good.config = .object([:])
        good.chatTemplates = ["{{ messages }}"]
        good.commitTitles = ["initial commit"]
        return good
    }

    private func reasons(_ standing: ChainStanding, _ answer: HubAnswer, _ model: ModelReference) throws -> [String] {
        try AdmissionPreview(standing: standing, policy: AdmissionPolicy()).objections(to: model, on: answer).map(
            \.reason)
    }

    @Test("nothing stands against a first commitment of an open model under the right name")
    func first() throws {
        try #expect(reasons(standing(), .found(good), model) == [])
    }

    @Test("an earlier commitment counts, also one that the chain can't open yet")
    func second() throws {
        let earlier = [Reveal(hotkey: hotkey, block: 8_000_000, payload: "{}")]
        try #expect(reasons(standing(reveals: earlier), .found(good), model) == ["multiple_commits:count=2"])
        try #expect(reasons(standing(sealed: 9_000_001), .found(good), model) == ["multiple_commits:count=2"])
    }

    @Test("everything is told at once, in the order of the checks")
    func everything() throws {
        var bad = HubModel(commit: model.revision)
        bad.config = .object(["quantization_config": .object(["quant_method": .string("awq")])])
        let other = try ModelReference(repository: "a/model", revision: model.revision)
        try #expect(
            reasons(standing(uid: nil), .found(bad), other) == [
                "not_registered", "model_name_missing_affine", "repo_name_not_ending_with_hotkey:repo=model",
                "model_check:no_weights", "model_check:quantized_model:awq", "malicious_template:missing_chat_template",
            ])
    }

    @Test("of what the hub does not show only that is told")
    func closed() throws {
        var closed = HubModel(commit: model.revision)
        closed.isPrivate = true
        try #expect(reasons(standing(), .found(closed), model) == ["hf_repo_private"])
        try #expect(reasons(standing(), .repositoryMissing, model) == ["hf_repo_not_found"])
        try #expect(reasons(standing(), .unavailable("busy"), model) == ["hf_model_fetch_failed"])
    }

    @Test("a folder is seen as its repository will be: configuration, template, and the hash of the weights")
    func folder() throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: place.appending(path: "part"), withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try text.write(to: place.appending(path: name), atomically: true, encoding: .utf8)
        }
        let preview = AdmissionPreview(standing: standing(), policy: AdmissionPolicy())
        func reasons() throws -> [String] {
            try preview.objections(to: ModelFolder(place.path), in: model.repository, titled: "Model").map(\.reason)
        }
        try #expect(
            reasons() == [
                "model_check:no_weights", "model_check:config_parse_failed", "malicious_template:missing_chat_template",
            ])
        try write("a.safetensors", "first")
        try write("part/b.bin", "second")
        try write("config.json", "{}")
        try write("chat_template.jinja", "{{ messages }}")
        try #expect(reasons() == [])
        var hub = HubModel(commit: model.revision)
        hub.weightHashes = [SHA256Digest(of: "second").hex, SHA256Digest(of: "first").hex]
        try #expect(ModelFolder(place.path).modelHash == hub.modelHash)
        try FileManager.default.removeItem(at: place)
        #expect(throws: InvalidValue.self) { try ModelFolder(place.path) }
    }
}
