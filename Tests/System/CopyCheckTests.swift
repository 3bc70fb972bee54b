import Domain
import Foundation
import TestSupport
import Testing

/// `--copy-check` with real models: one that is served under another's name too, and one that was trained apart.
@Suite(.serialized, .timeLimit(.minutes(15))) struct CopyCheckTests {
    /// What the environment says that the champion said. Nobody knows the next word for sure.
    private static let prose = [
        "The harbour was quiet when the first boats returned, and most of the crew had gone ashore before anybody noticed "
            + "that the old lighthouse no longer turned. A clerk wrote down the hour, the wind and three names, then locked "
            + "his office and walked home along the railway, thinking of soup and of the letter he had not answered.",
        "Several methods were compared on the same data. Although the second needed more memory, it converged sooner, and its "
            + "errors were spread evenly over the range of interest. We therefore report results for two settings, discuss "
            + "why a larger step fails near the boundary, and close with remarks on cost, storage and possible extensions.",
    ]

    private static func environment() -> LoopbackServer {
        .environment { task in
            let said = JSONValue.object([
                "role": .string("assistant"), "content": .string(prose[Int(task) % prose.count]),
            ])
            let asked = JSONValue.object(["role": .string("user"), "content": .string("Text \(task)")])
            let document = JSONValue.object([
                "status": .string("success"), "error": .null,
                "result": .object([
                    "score": .number(0.5), "extra": .object(["conversation": .array([asked, said])]),
                ]),
            ])
            return [.answer(body: (try? JSONEncoder().encode(document)) ?? Data())]
        }
    }

    @Test("the same weights under another name leave the queue before their contest; other weights meet the champion")
    func realModels() async throws {
        let models = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        let llama = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Engine/llama").path
        let environment = Self.environment()
        let engine = [
            "--engine", "\(llama) {model} {port}", "--engine-port", "\(DeadPort.refusing())", "--model-cache", models,
        ]
        // Arithmetic in four bits on a processor leaves more over than an accelerator's in sixteen.
        let check = ["--copy-check", "--copy-gap", "0.2", "--copy-probes", "60", "--copy-positions", "30"]
        try await RunningArena.with(engine + check + ["--rerun-tasks", "0"]) { arena in
            try await arena.run(
                ["env", "define", "prose", "--base-url", environment.url, "--sampling-count", "4", "--margin", "0.03"])
            try await arena.admit(["HuggingFaceTB/SmolLM2-135M-Instruct", "copies/smollm2", "google/gemma-3-270m"])
            try await eventually("the contest is over", within: .seconds(600)) {
                try await arena.run(["contest", "list"]).document().arrayValue?.first?["verdict"]?.stringValue != nil
            }
            let judged = try await arena.run(["miner", "checks"]).document().arrayValue ?? []
            #expect(judged.map { $0["model"]?.stringValue } == ["google/gemma-3-270m", "copies/smollm2"])
            #expect(judged.map { $0["state"]?.stringValue } == ["distinct", "copy"], "\(judged)")
            let copy = try await arena.run(["miner", "show", RunningArena.hotkeys[1]]).document()
            #expect(copy["state"] == .string("invalid"))
            #expect(
                copy["state_reason"]?.stringValue?.hasPrefix(
                    "anticopy_copy:copied_from=HuggingFaceTB/SmolLM2-135M-Instruct,dm=0.") == true)
            try await #expect(arena.run(["contest", "list"]).document().arrayValue?.count == 1)
        }
        withExtendedLifetime(environment) {}
        try FileManager.default.removeItem(atPath: models)
    }
}
