import Domain
import Foundation
import Postgres
import Subprocess
import TestSupport
import Testing

/// `af up` while a test looks at what it does.
struct RunningArena: Sendable {
    static let hotkeys = [
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
        "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y",
    ]

    let folder: String
    let workerURL: String

    /// Runs `af up` with these options in a folder of its own, and ends it after `body`; returns what it logged.
    @discardableResult
    static func with(_ options: [String] = [], _ body: (RunningArena) async throws -> Void) async throws -> String {
        try await withDataFolder { folder in
            let result = try await Subprocess.run(
                .path(Program.path()), arguments: Arguments(["up", "--json", "--data", folder] + options),
                environment: Program.surroundings(), input: .none, output: .sequence, error: .string(limit: 1 << 22)
            ) { up in
                // A test that fails must end what it started as well.
                let ended: Result<Void, any Error>
                do {
                    let url = try await Program.workerURL(up.standardOutput)
                    try await body(RunningArena(folder: folder, workerURL: url))
                    ended = .success(())
                } catch { ended = .failure(error) }
                try up.send(signal: .terminate)
                try ended.get()
            }
            #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
            return result.standardError
        }
    }

    /// Runs a command on the arena's data that has to succeed.
    @discardableResult
    func run(_ command: [String]) async throws -> Program.Ended {
        let ended = try await Program.run(command + ["--json", "--data", folder])
        try #require(ended.exitCode == 0, "\(command): \(ended.errors)")
        return ended
    }

    /// Shows a block and adds miners; the first becomes champion without a contest, and its baseline is what there is to do.
    func admit(_ models: [String]) async throws {
        try await run(["chain", "observe", "5", String(repeating: "0f", count: 32)])
        for (place, model) in models.enumerated() {
            let revision = String(repeating: "a", count: 40)
            try await run(["miner", "add", Self.hotkeys[place], "\(model)@\(revision)", "--block", "\(place + 1)"])
        }
    }

    /// Everything may be looked at and changed as the superuser.
    func owner() throws -> Database {
        var address = try ConnectionString(workerURL)
        address["user"] = "postgres"
        return Database(DatabaseSettings(url: address.url), logger: FreshDatabase.logger)
    }
}
