import Domain
import FoundationEssentials
import Subprocess
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct EvalTests {
    /// Scores 1 for task 1, 0.25 for task 5; the model fails task 7, and the server task 9, with a comma in its words.
    private static func answer(_ task: Int64) -> [LoopbackServer.Step] {
        switch task {
        case 1: [.score("1")]
        case 5: [.score("0.25")]
        case 7: [.answer(body: #"{"status":"failed","result":{"error":"exceeded timeout"}}"#.utf8)]
        default: [.answer(500, body: "no \"grader\", sorry".utf8)]
        }
    }

    private let server = LoopbackServer.environment(answer)
    private var arguments: [String] {
        ["eval", "--env", "remote=\(server.url)", "--model", "m", "--base-url", "http://u:secret@h/v1"]
    }

    /// An empty folder; whatever came into it is gone afterwards.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        try await withDataFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try await body(folder)
        }
    }

    private func content(of path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    @Test("A table tells means and faults, and a CSV file each task; exit 0 when all count")
    func csv() async throws {
        try await withFolder { folder in
            let ended = try await Program.run(arguments + ["--tasks", "7,1,5,1", "--output", "\(folder)/r.csv"])
            #expect(ended.exitCode == 0 && ended.errors.isEmpty, "\(ended.errors)")
            let lines = ended.output.split(separator: "\n")
            #expect(lines.first == "m at http://h/v1")
            // The mean of 0, 1 and 0.25, and t(2, 0.975) · s / √3 = 1.293 on either side of it.
            let row = lines.dropFirst(2).first?.split(separator: " ").joined(separator: " ")
            #expect(row == "remote 3 2 1 0 0.417 -0.876 to 1.709")
            #expect(lines.last?.hasPrefix("remote: generation_timeout on 1 of 3 tasks, such as: ") == true)
            let file = content(of: "\(folder)/r.csv").split(separator: "\r\n").map(String.init)
            try #require(file.count == 4)
            #expect(
                file[0]
                    == "environment,task,outcome,score,attempts,seconds,prompt_tokens,completion_tokens,error_code,error_detail"
            )
            #expect(file[1].hasPrefix("remote,7,model_fault,,1,"))
            #expect(file[1].hasSuffix(",,,generation_timeout,exceeded timeout"))
            #expect(file[2].hasPrefix("remote,1,scored,1,1,") && file[2].hasSuffix(",7,5,,"))
            #expect(file[3].hasPrefix("remote,5,scored,0.25,1,"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["r.csv"])
        }
    }

    @Test("Exit 1 when a task could not be evaluated, after as many attempts as asked for; CSV fields are quoted")
    func unevaluated() async throws {
        try await withFolder { folder in
            let path = "\(folder)/r.csv"
            let ended = try await Program.run(arguments + ["--tasks", "9", "--attempts", "2", "--output", path])
            #expect(ended.exitCode == 1)
            #expect(
                ended.output.contains("remote: environment_status_500 on 1 of 1 tasks, such as: no \"grader\", sorry"))
            #expect(server.log.requests.count == 2)
            let row = content(of: path).split(separator: "\r\n").last
            #expect(row?.hasPrefix("remote,9,environment_fault,,2,") == true)
            #expect(row?.hasSuffix(#",environment_status_500,"no ""grader"", sorry""#) == true)
        }
    }

    @Test("JSON on standard output and in a file say the same, and JSON lines hold a result each")
    func json() async throws {
        try await withFolder { folder in
            let wanted = arguments + ["--tasks", "1,7", "--temperature", "0.5", "--seed", "3", "--json", "--output"]
            let ended = try await Program.run(wanted + ["\(folder)/r.json"])
            #expect(ended.exitCode == 0 && ended.output == content(of: "\(folder)/r.json"))
            let document = try ended.document()
            #expect(document["model"] == .string("m") && document["base_url"] == .string("http://h/v1"))
            #expect(document["temperature"] == .number(0.5) && document["seed"] == .integer(3))
            let summary = document["environments"]?.arrayValue?.first
            #expect(summary?["mean"] == .number(0.5) && summary?["scored"] == .integer(1))
            #expect(summary?["model_faults"] == .integer(1) && summary?["not_evaluated"] == .integer(0))
            #expect(summary?["faults"] == .object(["generation_timeout": .integer(1)]))
            let results = try #require(document["results"]?.arrayValue)
            #expect(results.map { $0["task"] } == [.integer(1), .integer(7)])
            #expect(results[0]["score"] == .integer(1) && results[0]["conversation"]?.arrayValue?.count == 1)
            #expect(results[1]["error_code"] == .string("generation_timeout") && results[1]["score"] == .null)
            _ = try await Program.run(wanted + ["\(folder)/r.jsonl"])
            let lines = content(of: "\(folder)/r.jsonl").split(separator: "\n").map { Data($0.utf8) }
            let read = try lines.map { try JSONDecoder().decode(JSONValue.self, from: $0) }
            #expect(read.map { $0["task"] } == [.integer(1), .integer(7)])
        }
    }

    @Test("A miner is found by uid in the arena of --api or API_URL, and its model is asked for")
    func miner() async throws {
        let arena = LoopbackServer { request in
            request.line.hasPrefix("GET /api/v1/miners/uid/12 ")
                ? [.answer(body: #"{"uid":12,"hotkey":"5G","model":"owner/affine","revision":"abc"}"#.utf8)]
                : [.answer(404, body: #"{"detail":"there is no such miner"}"#.utf8)]
        }
        let wanted = ["eval", "--env", "remote=\(server.url)", "--base-url", "http://h/v1", "--tasks", "1", "--json"]
        let api = arena.url + "/api/v1"
        for (more, surroundings) in [(["--api", api], [:]), ([], ["API_URL": api])] {
            let ended = try await Program.run(wanted + ["--uid", "12"] + more, environment: surroundings)
            #expect(ended.exitCode == 0, "\(ended.errors)")
            let document = try ended.document()
            #expect(document["uid"] == .integer(12) && document["hotkey"] == .string("5G"))
            #expect(document["model"] == .string("owner/affine") && document["revision"] == .string("abc"))
        }
        #expect(server.log.requests.allSatisfy { $0.json?["kwargs"]?["model"] == .string("owner/affine") })
        let missing = try await Program.run(wanted + ["--uid", "7", "--api", api])
        #expect(missing.exitCode == 1 && missing.output.isEmpty)
        #expect(missing.complaints == ["Error: \(api)/miners/uid/7: there is no such miner (status 404)"])
        let dead = try await Program.run(wanted + ["--uid", "7", "--api", "http://127.0.0.1:\(DeadPort.refusing())"])
        #expect(dead.exitCode == 1 && dead.errors.contains("--api or API_URL says where the arena's API is"))
    }

    @Test("Environments that are built in are played under the names of other clients, with key and difficulty")
    func builtin() async throws {
        let endpoint = try LoopbackServer.knowing([0])
        let ended = try await Program.run(
            [
                "eval", "--env", "DED-V2", "--env", "abd-v2", "--model", "m", "--base-url", endpoint.url + "/v1",
                "--tasks", "0..<2", "--difficulty", "0", "--concurrency", "1", "--json",
            ], environment: ["AFFINE_API_KEY": "key-1"])
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let parts = try #require(try ended.document()["environments"]?.arrayValue)
        #expect(parts.map { $0["environment"] } == [.string("ded"), .string("abd")])
        #expect(parts.map { $0["mean"] } == [.number(0.5), .number(0.5)])
        #expect(endpoint.log.requests.count == 4 && endpoint.log.mostOpen == 1)
        #expect(endpoint.log.requests.allSatisfy { $0.header("authorization") == "Bearer key-1" })
    }

    @Test("Drawn tasks lie in the range, are the same each time, and others with another draw seed")
    func draws() async throws {
        let server = LoopbackServer.environment { _ in [.score("1")] }
        func tasks(_ more: String...) async throws -> [Int64] {
            let wanted = [
                "eval", "--env", "remote=\(server.url)", "--model", "m", "--base-url", "http://h/v1", "--json",
            ]
            let document = try await Program.run(wanted + more).document()
            return document["results"]?.arrayValue?.compactMap { $0["task"]?.integerValue } ?? []
        }
        let drawn = try await tasks("--samples", "5", "--tasks", "1000..<2000")
        #expect(drawn.count == 5 && drawn.allSatisfy { 1000..<2000 ~= $0 })
        #expect(try await tasks("--samples", "5", "--tasks", "1000..<2000") == drawn)
        #expect(try await tasks("--samples", "5", "--tasks", "1000..<2000", "--draw-seed", "2") != drawn)
    }

    @Test("A file that is there is not overwritten, unless that is asked for")
    func overwriting() async throws {
        try await withFolder { folder in
            let path = "\(folder)/r.jsonl"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            let refused = try await Program.run(arguments + ["--tasks", "1", "--output", path])
            #expect(refused.exitCode == 1 && refused.complaints == ["Error: '\(path)' exists: --force overwrites it"])
            #expect(content(of: path) == "old" && server.log.requests.isEmpty)
            let forced = try await Program.run(arguments + ["--tasks", "1", "--output", path, "--force"])
            #expect(forced.exitCode == 0 && content(of: path).contains(#""outcome":"scored""#))
        }
    }

    @Test("Interrupted, it says so, and leaves neither a file nor half of one; an old one stays")
    func interruption() async throws {
        try await withFolder { folder in
            let path = "\(folder)/r.csv"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            let server = LoopbackServer.environment { $0 == 0 ? [.score("1")] : [.hold] }
            let ended = try await Subprocess.run(
                .path(Program.path()),
                arguments: [
                    "eval", "--env", "remote=\(server.url)", "--model", "m", "--base-url", "http://h/v1", "--tasks",
                    "0..<3", "--concurrency", "1", "--output", "\(path)", "--force",
                ], environment: Program.surroundings(), input: .none, output: .string(limit: 1 << 20),
                error: .string(limit: 1 << 20)
            ) { program in
                await server.until { $0.requests.count == 2 }
                try program.send(signal: .interrupt)
            }
            #expect(ended.terminationStatus == .exited(1))
            #expect(ended.standardOutput.isEmpty && ended.standardError.contains("stopped by "))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["r.csv"])
            #expect(content(of: path) == "old")
        }
    }

    @Test("The environments that are built in are listed with their facts")
    func list() async throws {
        let rows = try await Program.run("eval", "--list", "--json").document().arrayValue
        #expect(rows?.map { $0["name"] } == [.string("abd"), .string("ded")])
        #expect(rows?.first?["title"] == .string("program abduction") && rows?.first?["scores"] == .string("[0, 1]"))
        #expect(try await Program.run("eval", "--list").output.contains("program deduction"))
    }
}
