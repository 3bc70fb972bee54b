import FoundationEssentials
import Testing

@Suite(.timeLimit(.minutes(10))) struct RuleTests {
    private static let vectors: String = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/Tests/RulesTests/Vectors/margin-rule.json"
    }()

    private struct Expected: Decodable {
        struct File: Decodable { var cases: [Expected] }

        var id: Int
        var winner: String
        var perEnv: [Verdict]

        private enum CodingKeys: String, CodingKey {
            case id, winner
            case perEnv = "per_env"
        }
    }

    private struct Verdict: Decodable, Equatable { var env, verdict: String }

    private struct Decided: Decodable {
        var id: Int
        var winner: String
        var envs: [Verdict]
    }

    @Test("'af rule decide' decides all 300 shared cases as expected")
    func vectors() async throws {
        let file = try #require(FileManager.default.contents(atPath: Self.vectors), "there is no \(Self.vectors)")
        let expected = try JSONDecoder().decode(Expected.File.self, from: file).cases
        let ended = try await Program.run("rule", "decide", Self.vectors, "--json")
        #expect(ended.exitCode == 0)
        let decided = try JSONDecoder().decode([Decided].self, from: Data(ended.output.utf8))
        try #require(decided.count == 300 && expected.count == 300)
        for (decision, expectation) in zip(decided, expected) {
            #expect(decision.id == expectation.id)
            #expect(decision.winner == expectation.winner, "case \(expectation.id)")
            #expect(decision.envs == expectation.perEnv, "case \(expectation.id)")
        }
    }

    @Test(
        "A malformed file is refused with the case and the field",
        arguments: [
            ("{", "JSON"),
            ("{}", "cases"),
            (
                #"{"cases":[{"id":7,"min_dominant_envs":"two","envs":[]}]}"#,
                "case 7.min_dominant_envs '\"two\"' is not valid"
            ),
            (#"{"cases":[{"id":7,"min_dominant_envs":0,"envs":[]}]}"#, "case 7.envs"),
            (
                #"{"cases":[{"id":"x","min_dominant_envs":0,"envs":[{"env":"E","margin":-1}]}]}"#,
                "case 'x'.E.margin '-1' is not valid: expected"
            ),
        ])
    func malformed(text: String, message: String) async throws {
        try await withDataFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let path = folder + "/cases.json"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            let ended = try await Program.run("rule", "decide", path, "--json")
            #expect(ended.exitCode == 1)
            #expect(ended.output.isEmpty)
            #expect(ended.complaints.count == 1)
            #expect(ended.errors.contains(message))
        }
    }

    @Test("A file that is not there is named")
    func missing() async throws {
        let ended = try await Program.run("rule", "decide", "/nonexistent/cases.json", "--json")
        #expect(ended.exitCode == 1)
        #expect(ended.complaints == ["Error: '/nonexistent/cases.json' can't be read: No such file or directory"])
    }
}
