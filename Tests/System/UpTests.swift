import Domain
import FoundationEssentials
import Subprocess
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct UpTests {
    private static let hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    private static let model = "owner/name@" + String(repeating: "a", count: 40)

    @Test(
        "'af up' says where workers join, lets other commands work beside it, and ends on SIGTERM leaving nothing running"
    )
    func up() async throws {
        try await withDataFolder { folder in
            let result = try await Subprocess.run(
                .path(Program.path()), arguments: ["up", "--json", "--data", folder],
                environment: Program.surroundings(),
                input: .none, output: .sequence, error: .string(limit: 1 << 20)
            ) { up in
                let url = try await Program.workerURL(up.standardOutput)
                #expect(url.contains("affine_worker") && url.contains("affine"))
                try await Self.admitMiner(folder, workerURL: url)
                try await Self.useEnvironments(folder)
                try await Self.refuseDemo(folder)
                try await Self.resetDatabase(folder)
                try up.send(signal: .terminate)
            }
            #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
            #expect(Processes.working(in: folder).isEmpty)
        }
    }

    private static func json(_ arguments: String..., data folder: String) async throws -> JSONValue {
        let ended = try await Program.run(arguments + ["--json", "--data", folder])
        try #require(ended.exitCode == 0, "\(arguments): \(ended.errors)")
        return try ended.json()
    }

    private static func complaint(_ arguments: String..., data folder: String) async throws -> String {
        let ended = try await Program.run(arguments + ["--json", "--data", folder])
        #expect(ended.exitCode == 1)
        #expect(ended.output.isEmpty)
        #expect(ended.complaints.count == 1, "\(ended.errors)")
        return ended.complaints.first.map(String.init) ?? ""
    }

    private static func admitMiner(_ folder: String, workerURL: String) async throws {
        let added = try await json("miner", "add", hotkey, model, "--block", "7", "--uid", "3", data: folder)
        #expect(added["hotkey"] == .string(hotkey))
        let again = try await complaint(
            "miner", "add", hotkey, "owner/other@" + model.suffix(40), "--block", "8", data: folder)
        let expected = "hotkey \(hotkey) already committed \(model) at block 7 and is "
        #expect(again.hasPrefix("Error: \(expected)"))
        #expect(again.hasSuffix("a hotkey has one lifetime, so use another hotkey"))
        #expect(
            try await complaint("miner", "add", hotkey, model, "--block=-1", data: folder)
                == "Error: block '-1' is not valid: expected a block number, 0 or more")
        #expect(
            try await complaint("miner", "add", hotkey, model, "--block", "1", "--uid", "65536", data: folder)
                == "Error: uid '65536' is not valid: expected 0 to 65535")
        let miners = try await json("miner", "list", data: folder).arrayValue
        #expect(miners?.map { $0["model"] } == [.string("owner/name")])
        #expect(try await json("miner", "show", hotkey, data: folder)["first_block"] == .integer(7))
        // With a worker's rights tables can't be read.
        let refused = try await Program.run("miner", "list", "--database-url", workerURL)
        #expect(refused.exitCode == 1)
        #expect(refused.complaints.count == 1 && refused.errors.contains("permission denied"))
    }

    private static func useEnvironments(_ folder: String) async throws {
        let defined = try await json(
            "env", "define", "abd", "--margin", "0.05", "--range", "0..<10", "--sampling-count", "10", data: folder)
        #expect(defined["margin"] == .number(0.05))
        _ = try await complaint("env", "define", "abd", "--margin", "2", data: folder)
        #expect(try await json("env", "list", data: folder) == .array([defined]))
        #expect(
            try await complaint("env", "show", "ded", data: folder)
                == "Error: there is no environment 'ded'; defined: abd")
        #expect(try await complaint("contest", "show", "9", data: folder).contains("9"))
        #expect(try await complaint("contest", "replay", "9", data: folder).contains("9"))
        #expect(try await json("contest", "list", data: folder) == .array([]))
        let hash = String(repeating: "0f", count: 32)
        #expect(try await json("chain", "observe", "5", hash, data: folder)["hash"] == .string("0x" + hash))
    }

    private static func refuseDemo(_ folder: String) async throws {
        let refused = try await Program.run("demo", "--models", "scripted", "--seed", "1", "--json", "--data", folder)
        #expect(refused.exitCode == 1)
        #expect(
            refused.complaints == [
                "Error: '\(folder)' holds real history, which a demo would delete: use --data with another folder"
            ])
        #expect(try await json("miner", "list", data: folder).arrayValue?.count == 1)
        #expect(try await json("env", "list", data: folder).arrayValue?.count == 1)
    }

    private static func resetDatabase(_ folder: String) async throws {
        let refused = try await Program.run("db", "reset", "--data", folder)
        #expect(refused.exitCode == 64)
        #expect(try await json("miner", "list", data: folder).arrayValue?.count == 1)
        #expect(try await json("db", "migrate", data: folder)["applied"] == .array([]))
        #expect(try await json("db", "reset", "--yes", data: folder)["reset"] == .bool(true))
        #expect(try await json("miner", "list", data: folder) == .array([]))
        let status = try #require(try await json("db", "status", data: folder).arrayValue)
        #expect(status.count >= 5)
        #expect(status.allSatisfy { $0["state"]?.stringValue?.hasPrefix("applied ") == true })
    }
}
