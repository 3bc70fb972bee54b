import Domain
import Postgres
import Subprocess
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct WorkerConnectionsTests {
    private static let model = "owner/name@" + String(repeating: "a", count: 40)

    @Test("'af worker run' with 64 jobs at once is content with a login that may connect twice")
    func two() async throws {
        let endpoint = LoopbackServer { request in
            request.line.hasPrefix("GET /v1/models ")
                ? [.answer(body: #"{"object":"list","data":[{"id":"owner/name"}]}"#.utf8)] : [.answer(500)]
        }
        let environment = LoopbackServer { _ in [.answer(body: #"{"score":0.5}"#.utf8)] }
        try await RunningArena.with { arena in
            try await arena.run(["env", "define", "remote", "--base-url", environment.url, "--sampling-count", "500"])
            try await arena.admit(["owner/name"])
            let owner = try arena.owner()
            try await owner.withSession { try $0.execute("ALTER ROLE affine_worker CONNECTION LIMIT 2") }
            let errors = try await Self.work(arena.workerURL, endpoint: endpoint.url + "/v1", owner)
            #expect(!errors.contains("too many connections"), "\(errors)")
            await owner.close()
        }
        #expect(environment.log.mostOpen > 8)
    }

    /// Runs a worker until 500 jobs are settled; returns what it said.
    private static func work(_ url: String, endpoint: String, _ owner: Database) async throws -> String {
        let result = try await Subprocess.run(
            .path(Program.path()),
            arguments: ["worker", "run", "--endpoint", "\(model)=\(endpoint)", "--concurrency", "64", "--ttl", "2"],
            environment: Program.surroundings(["AFFINE_DATABASE_URL": url]), input: .none, output: .discarded,
            error: .string(limit: 1 << 20)
        ) { worker in
            let deadline = ContinuousClock.now + .seconds(60)
            while try await owner.run(CountSettled()).first ?? 0 < 500, .now < deadline {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await owner.run(CountSettled()).first ?? 0 >= 500)
            try worker.send(signal: .terminate)
        }
        #expect(result.terminationStatus == .exited(0))
        return result.standardError
    }
}

private struct CountSettled: Statement {
    static let sql = "SELECT count(*) FROM affine.attempt WHERE final"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
