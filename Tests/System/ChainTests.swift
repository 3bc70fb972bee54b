import Domain
import FoundationEssentials
import Testing

/// The chain's commands, and what an operator may do, as anybody would run them.
@Suite(.finishedDemo, .serialized, .timeLimit(.minutes(10))) struct ChainTests {
    private func run(_ arguments: String...) async throws -> Program.Ended {
        try await Program.run(arguments + ["--data", try FinishedDemo.current.folder])
    }

    @Test("a window's pools are drawn again from its block, and windows are listed")
    func window() async throws {
        let verified = try await run("window", "verify", "1", "--json")
        #expect(verified.exitCode == 0)
        let pools = try verified.json()["pools"]?.arrayValue ?? []
        #expect(pools.count == 2 && pools.allSatisfy { $0["first_difference"] == nil && $0["tasks"] == .integer(9) })
        let listed = try await run("window", "list", "--json").json()
        #expect(listed.arrayValue?.first?["state"] == .string("open"))
        let unknown = try await run("window", "verify", "9")
        #expect(unknown.exitCode == 1 && unknown.errors.contains("window '9' is not valid"))
    }

    @Test("an operator's acts need a reason, and what a contest decided can't be taken back")
    func acts() async throws {
        let silent = try await run("arena", "pause")
        #expect(silent.exitCode == 64 && silent.errors.contains("--reason"))
        let blank = try await run("arena", "pause", "--reason", " ")
        #expect(blank.exitCode == 1 && blank.errors.contains("why, for whoever reads the log later"))
        #expect(try await run("arena", "pause", "--reason", "test").exitCode == 0)
        #expect(try await run("arena", "resume", "--reason", "test").exitCode == 0)
        let over = try await run("contest", "void", "2", "--reason", "test")
        #expect(over.exitCode == 1 && over.errors.contains("contest '2' is not valid: expected the contest that runs"))
        let miners = try await run("miner", "list", "--json").json().arrayValue ?? []
        let loser = try #require(miners.first { $0["state"] == .string("terminated") }?["hotkey"]?.stringValue)
        let back = try await run("miner", "reinstate", loser, "--reason", "test")
        #expect(back.exitCode == 1 && back.errors.contains("has met the champion or been it"))
    }

    @Test("weights are shown with what is due, sent and final on the chain")
    func weights() async throws {
        let weights = try await run("weights", "--json").json()
        #expect(weights["emissions"] == .array([]) && weights["weights"]?.arrayValue?.count == 1)
    }

    @Test("a recorded chain is played from its file, and a line that is no block is named")
    func replay() async throws {
        try await withDataFolder { folder in
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("chain-\(UUID().uuidString)").path
            let hash = { (number: Int) in String(repeating: "\(number % 10)", count: 64) }
            var lines = (1...6).map { #"{"number": \#($0), "hash": "\#(hash($0))", "parent": "\#(hash($0 - 1))"}"# }
            lines[1] = lines[1].replacing(
                "}",
                with:
                    #", "revealed": [{"hotkey": "5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX", "payload": "{"}]}"#)
            try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            let played = try await Program.run("chain", "replay", path, "--data", folder, "--json")
            #expect(played.exitCode == 0, "\(played.errors)")
            let report = try played.json()
            #expect(report["head"] == .integer(3) && report["reveals"] == .integer(1))
            try (lines + ["{}"]).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            let broken = try await Program.run("chain", "replay", path, "--data", folder)
            #expect(broken.exitCode == 1 && broken.errors.contains("line 7 is no block"), "\(broken.errors)")
            try FileManager.default.removeItem(atPath: path)
        }
    }

    @Test("who can't be asked to audit templates is refused before anything begins, and the key is not shown")
    func auditor() async throws {
        let folder = FileManager.default.temporaryDirectory
        let (chain, policy) = (folder.appending(path: "chain-\(UUID())").path, folder.appending(path: "\(UUID())").path)
        try "".write(toFile: chain, atomically: true, encoding: .utf8)
        for (text, key, words) in [
            (#"{"template_audit": {"url": "ftp://x", "model": "m"}}"#, "k", "base URL 'ftp://x' is not valid"),
            (
                #"{"template_audit": {"url": "http://x/v1", "model": "m"}}"#, "two words",
                "API key '(hidden)' is not valid"
            ),
            (#"{"template_audit": {"url": "http://x/v1"}}"#, "k", "is no admission policy: template_audit"),
            (#"{"template_auditor": 5}"#, "k", "template_auditor"),
        ] {
            try text.write(toFile: policy, atomically: true, encoding: .utf8)
            let ended = try await Program.run(
                ["chain", "replay", chain, "--admission", policy, "--data", FinishedDemo.current.folder],
                environment: ["AFFINE_TEMPLATE_AUDIT_KEY": key])
            #expect(ended.exitCode == 1 && ended.errors.contains(words), "\(ended.errors)")
            #expect(!ended.errors.contains("two words"))
        }
        for file in [chain, policy] { try FileManager.default.removeItem(atPath: file) }
    }

    @Test("a bridge that was not installed is named with how to")
    func bridge() async throws {
        let ended = try await run("coordinator", "run", "--bridge", "/nonexistent")
        #expect(ended.exitCode == 1)
        #expect(
            ended.errors.contains(
                "there is no bridge in '/nonexistent': run 'deploy/chain-bridge/install /nonexistent'"))
    }
}
