import Domain
import TestSupport
import Testing

/// The programs in `Examples`, run as their readers would.
extension PublicAPITests {
    @Test("The example for miners finds them in a served arena by uid, and evaluates their models on DED and ABD")
    func evaluateMiners() async throws {
        let endpoint = try LoopbackServer.knowing([])
        try await Self.serving(FinishedDemo.current.folder) { urls in
            let surroundings = ["API_URL": try #require(urls.first { $0.hasSuffix("/api/v1") })]
            let miner = "1=\(endpoint.url)/v1"
            for names in [[], ["DED-V2", "ABD-V2"]] {
                let ended = try await Program.run([miner] + names, environment: surroundings, of: "evaluate-miners")
                #expect(ended.exitCode == 0, "\(ended.output)\(ended.errors)")
                #expect(
                    ended.output
                        == "uid 1 (affine-demo/steady)  ded: 0.0 (16 of 16 tasks)  abd: 0.0 (16 of 16 tasks)\n")
            }
            #expect(endpoint.log.requests.first?.json?["model"] == .string("affine-demo/steady"))
            let missing = try await Program.run(
                ["65000=\(endpoint.url)/v1"], environment: surroundings, of: "evaluate-miners")
            #expect(missing.exitCode == 1 && missing.output.contains("there is no such miner (status 404)"))
        }
    }

    @Test("The example for a model of one's own asks it at its address and temperature")
    func evaluateModel() async throws {
        let endpoint = try LoopbackServer.knowing([0, 1])
        let ended = try await Program.run(
            ["my-model", endpoint.url + "/v1", "0.5", "4"], environment: ["AFFINE_API_KEY": "key-1"],
            of: "evaluate-model")
        #expect(ended.exitCode == 0, "\(ended.output)\(ended.errors)")
        for name in ["abd", "ded"] {
            for (task, score) in [1, 1, 0, 0].enumerated() {
                #expect(ended.output.contains("\(name) \(task): \(score)\n"))
            }
            #expect(ended.output.contains("\(name): 4 of 4 scored, mean 0.5\n"))
        }
        #expect(endpoint.log.requests.count == 8)
        #expect(endpoint.log.requests.allSatisfy { $0.json?["temperature"] == .number(0.5) })
        #expect(endpoint.log.requests.allSatisfy { $0.header("authorization") == "Bearer key-1" })
        #expect(try await Program.run(["my-model"], of: "evaluate-model").exitCode == 64)
    }
}
