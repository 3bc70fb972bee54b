import Domain
import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

/// A whole coordinator beside a finished demo, asked over HTTP by the program itself.
@Suite(.timeLimit(.minutes(10)), .serialized, .finishedDemo) struct PublicAPITests {
    @Test("'--api-port' and '--dashboard-port' serve, and the get- commands tell what the API says without a database")
    func queries() async throws {
        let demo = try FinishedDemo.current
        try await Self.serving(demo.folder) { urls in
            let api = ["--api", try #require(urls.first { $0.hasSuffix("/api/v1") })]
            try await Self.ask(api)
            // The dashboard is a page, so a client of the API says what it met.
            let page = try #require(urls.first { !$0.hasSuffix("/api/v1") })
            let notTheAPI = try await Program.run("get-rank", "--api", page)
            #expect(notTheAPI.exitCode == 1 && notTheAPI.errors.contains("rank/current"), "\(notTheAPI.errors)")
        }
    }

    /// Gives `body` the addresses of API and dashboard.
    static func serving(_ folder: String, _ body: ([String]) async throws -> Void) async throws {
        let ended = try await Subprocess.run(
            .path(Program.path()),
            arguments: ["up", "--data", "\(folder)", "--api-port", "0", "--rate-limit", "0", "--dashboard-port", "0"],
            environment: Program.surroundings(), input: .none, output: .discarded, error: .sequence
        ) { up in
            try await body(addresses(up.standardError))
            try up.send(signal: .terminate)
        }
        #expect(ended.terminationStatus == .exited(0))
    }

    @Test("the API answers as its OpenAPI document says, whatever is asked")
    func document() async throws {
        let demo = try FinishedDemo.current
        try await Self.serving(demo.folder) { urls in
            let api = try #require(urls.first { $0.hasSuffix("/api/v1") })
            let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
            let fuzzed = try await Subprocess.run(
                .path(FilePath(root.appending(path: ".build/schemathesis/bin/schemathesis").path)),
                arguments: [
                    "run", "\(api)/openapi.json", "--seed", "1", "--max-examples", "100", "--no-color",
                    "--continue-on-failure", "--exclude-path", "/events",
                ],
                environment: Program.surroundings(), workingDirectory: FilePath(demo.folder), input: .none,
                output: .string(limit: 1 << 22), error: .string(limit: 1 << 20))
            let report = fuzzed.standardOutput
            #expect(fuzzed.terminationStatus == .exited(0), "\(report)\(fuzzed.standardError)")
            #expect(report.contains("14 selected / 15 total") && report.contains("Fuzzing"), "\(report)")
        }
    }

    @Test(
        "whoever listens to events is told what happened since the last one it knows, and a server that stops lets it go"
    )
    func events() async throws {
        let demo = try FinishedDemo.current
        try await Self.serving(demo.folder) { urls in
            let api = try #require(urls.first { $0.hasSuffix("/api/v1") })
            let listen = """
                import sys, urllib.request
                request = urllib.request.Request(sys.argv[1], headers={"Last-Event-ID": "0"})
                for line in urllib.request.urlopen(request):
                    print(line.decode(), end="")
                    if b"contest.decided" in line: break
                """
            let heard = try await Subprocess.run(
                .name("python3"), arguments: ["-c", listen, "\(api)/events"], output: .string(limit: 1 << 16),
                error: .string(limit: 1 << 16))
            let lines = heard.standardOutput.split(separator: "\n")
            #expect(lines.first == "retry: 2000" && lines.contains { $0.hasPrefix("id: ") }, "\(heard.standardError)")
            #expect(lines.last?.hasPrefix("data: {") == true && lines.last?.contains("contest 2") == true)
        }
    }

    private static func ask(_ api: [String]) async throws {
        let rank = try await Program.run(["get-rank", "--reason"] + api)
        #expect(rank.exitCode == 0, "\(rank.errors)")
        let lines = rank.output.split(separator: "\n")
        #expect(lines.first?.hasPrefix("status") == true && lines.dropFirst().first?.hasPrefix("CHAMPION") == true)
        let json = try await Program.run(["get-rank", "--json"] + api).json()
        let champion = try #require(json["window"]?["champion"])
        let hotkey = try #require(champion["hotkey"]?.stringValue)
        #expect(lines[1].contains(hotkey))
        #expect(try await Program.run(["get-miner", "--hotkey", hotkey] + api).json()["hotkey"] == .string(hotkey))
        let dethroned = try await Program.run(["get-miner", "1"] + api).json()
        #expect(dethroned["termination_reason"] == .string("dethroned_by:\(hotkey.prefix(10))"))
        let scores = try await Program.run(["get-scores", "-t", "1"] + api).json()["scores"]?.arrayValue
        #expect(scores?.map { $0["miner_hotkey"] } == [.string(hotkey)])
        let weights = try await Program.run(["get-weights"] + api).json()["weights"]
        guard case .object(let shares)? = weights else { throw Unexpected(answer: weights) }
        #expect(shares.values.map { $0["weight"]?.doubleValue } == [1])
        let missing = try await Program.run(["get-score", "65000"] + api)
        #expect(missing.exitCode == 1 && missing.errors.contains("there is no such miner (status 404)"))
        #expect(try await Program.run(["get-miner"] + api).exitCode == 64)
    }

    /// Where API and dashboard are served, as the log tells.
    private static func addresses(_ log: SubprocessOutputSequence) async throws -> [String] {
        var text = ""
        for try await chunk in log {
            text += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            let urls = text.matches(of: /url=(http:\S+)\s/).map { String($0.1) }
            if urls.count == 2 { return urls }
        }
        return []
    }

    private struct Unexpected: Error {
        let answer: JSONValue?
    }
}
