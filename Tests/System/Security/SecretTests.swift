import Domain
import Foundation
import Glibc
import Postgres
import Subprocess
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct SecretTests {
    private static let model = "owner/name@" + String(repeating: "a", count: 40)
    private static let key = "sk-planted-api-key-7f3a"
    private static let password = "planted-password-91bd"

    @Test("what a worker keeps secret is in no log, argument, child or row, whoever repeats it")
    func planted() async throws {
        let model = Self.parrotModel()
        let environment = Self.parrotEnvironment()
        try await RunningArena.with { arena in
            let limits = ["--sampling-count", "30", "--max-attempts", "1", "--run-length", "1"]
            try await arena.run(["env", "define", "remote", "--base-url", environment.url] + limits)
            try await arena.run(["env", "define", "abd"] + limits)
            try await arena.admit(["owner/name"])
            let owner = try arena.owner()
            let said = try await Self.work(arena.workerURL, endpoint: model.url + "/v1", owner)
            var address = try ConnectionString(arena.workerURL)
            address["user"] = "postgres"
            let rows = try await Tool.run(["pg_dump", "--data-only", "--inserts", "-d", address.url])
            // Whoever repeated it was listened to.
            #expect(rows.contains("(hidden)"))
            for (place, text) in [("rows", rows), ("the worker's log", said)] {
                for secret in [Self.key, Self.password] {
                    let line = text.split(separator: "\n").first { $0.contains(secret) }
                    #expect(line == nil, "\(place): \(line?.prefix(600) ?? "")")
                }
            }
            await owner.close()
        }
        #expect(model.log.requests.contains { $0.header("authorization") == "Bearer \(Self.key)" })
        #expect(environment.log.requests.contains { String(decoding: $0.body, as: UTF8.self).contains(Self.key) })
    }

    /// Says its caller's key in answers and refusals.
    private static func parrotModel() -> LoopbackServer {
        LoopbackServer { request in
            if request.line.hasPrefix("GET /v1/models ") {
                return [.answer(body: #"{"object":"list","data":[{"id":"owner/name"}]}"#.utf8)]
            }
            let heard = request.header("authorization") ?? ""
            guard request.body.count.isMultiple(of: 2) else { return [.answer(400, body: heard.utf8)] }
            return [.completion("you are \(heard)")]
        }
    }

    /// Says the key that it was handed in each place that is stored.
    private static func parrotEnvironment() -> LoopbackServer {
        LoopbackServer { request in
            let arguments = request.json?["kwargs"]
            let heard = "kwargs: \(arguments?["api_key"]?.stringValue ?? "")"
            let long = String(repeating: "x", count: 1_990) + heard
            let answers: [LoopbackServer.Step] = [
                .answer(500, body: heard.utf8),
                .answer(body: #"{"status":"failed","error":"\#(heard)"}"#.utf8),
                .answer(body: #"{"status":"failed","error":"\#(long)"}"#.utf8),
                .answer(body: #"{"score":0.5,"error":"\#(heard)"}"#.utf8),
                .answer(
                    body:
                        #"{"score":1,"extra":{"conversation":[{"role":"user","content":"\#(heard)","\#(heard)":[1]}]}}"#
                        .utf8),
            ]
            return [answers[Int(arguments?["task_id"]?.integerValue ?? 0) % answers.count]]
        }
    }

    /// Runs a worker until every job was tried, and looks at all processes meanwhile; returns what it said.
    private static func work(_ url: String, endpoint: String, _ owner: Database) async throws -> String {
        var address = try ConnectionString(url)
        address["password"] = password
        let secrets = ["AFFINE_DATABASE_URL": address.url, "AFFINE_API_KEY": key]
        let result = try await Subprocess.run(
            .path(Program.path()), arguments: ["worker", "run", "--endpoint", "\(model)=\(endpoint)"],
            environment: Program.surroundings(secrets), input: .none, output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        ) { worker in
            let deadline = ContinuousClock.now + .seconds(120)
            while try await owner.run(CountTried()).first ?? 0 < 60, .now < deadline {
                for process in Processes.all() {
                    #expect(!Self.knows(process, "cmdline"), "\(Processes.arguments(of: process))")
                    guard process != worker.processIdentifier.value else { continue }
                    #expect(!Self.knows(process, "environ"), "\(Processes.arguments(of: process))")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await owner.run(CountTried()).first ?? 0 >= 60)
            try worker.send(signal: .terminate)
        }
        #expect(result.terminationStatus == .exited(0))
        return result.standardOutput + result.standardError
    }

    private static func knows(_ process: Int32, _ file: String) -> Bool {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") else { return false }
        return [key, password].contains { bytes.firstRange(of: Data($0.utf8)) != nil }
    }
}

private struct CountTried: Statement {
    static let sql = "SELECT count(*) FROM affine.attempt"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
