import Domain
import Testing
import Worker

@Suite struct EngineTemplateTests {
    private func command(_ text: String, gpus: [String] = ["2", "3"]) throws -> [String] {
        try EngineTemplate(text).command(
            for: ModelReference("owner/name@\(String(repeating: "a", count: 40))"),
            at: EnginePlace(host: "h", address: "10.0.0.7", port: 31_000, gpus: gpus), folder: "/models/x y")
    }

    @Test("every placeholder gets its value, within its word")
    func values() throws {
        #expect(
            try command("run {model} --rev={revision} {host}:{port} {gpus} {gpu_count} {folder}/w.gguf") == [
                "run", "owner/name", "--rev=\(String(repeating: "a", count: 40))", "10.0.0.7:31000", "2,3", "2",
                "/models/x y/w.gguf",
            ])
        #expect(try command("run {model} {port} {gpu_count}", gpus: []) == ["run", "owner/name", "31000", "1"])
    }

    @Test(
        "presets pin the revision or the file, name the model as clients ask for it, and trust no code of the model's",
        arguments: EngineTemplate.presets.map(\.name))
    func presets(name: String) throws {
        let words = try command(name)
        #expect(words.contains("owner/name") && words.contains("31000") && words.contains("10.0.0.7"))
        #expect(words.contains(String(repeating: "a", count: 40)) || words.contains("/models/x y/model.gguf"))
        #expect(!words.contains { $0.contains("trust") || $0.contains("{") })
    }

    @Test("a command that can't know its model or its port, or names what nobody knows, is refused by what is wrong")
    func refused() throws {
        for text in ["", "serve", "serve {port}", "serve {model}", "sgl"] {
            let error = #expect(throws: InvalidValue.self) { try EngineTemplate(text) }
            #expect(error?.field == "engine" && error?.expected.contains("sglang, vllm, llama.cpp") == true)
        }
        let error = #expect(throws: InvalidValue.self) { try EngineTemplate("serve {model} {prot}") }
        #expect(error?.field == "engine placeholder" && error?.value == "{prot}")
    }
}
