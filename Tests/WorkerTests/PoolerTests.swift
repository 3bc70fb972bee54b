import Domain
import Postgres
import TestSupport
import Testing

/// Workers that reach the queue through a real PgBouncer in transaction mode.
@Suite(
    .arena, .timeLimit(.minutes(10)),
    .enabled(if: FreshDatabase.hasPrivateServer, "needs a server that trusts whoever reaches its socket"))
struct PoolerTests {
    let board = Board()
    private static let lanes = 64
    private static let jobs = 512

    @Test(
        "64 jobs at once need no more than one or two connections: all are settled once, and heartbeats get through",
        arguments: [1, 2])
    func fewConnections(connections: Int) async throws {
        // Nothing is answered until all lanes are at work and the worker has been heard of since.
        let isOpen = Switch(false)
        let environment = LoopbackServer { _ in
            let answer = LoopbackServer.Step.answer(body: #"{"score":0.25}"#.utf8)
            return isOpen.value ? [answer] : [.hold, answer]
        }
        try await board.plan(
            .init(name: "remote", kind: "url", baseURL: environment.url, runLength: 4, tasks: 1...Int64(Self.jobs)))
        try await FreshDatabase.current.withPooler(roles: ["affine_worker"], poolSize: 1) { pooler in
            var database = pooler.settings(as: "affine_worker")
            database.maximumConnections = connections
            let setup = try settings(endpoint { _ in [.answer(500)] }, concurrency: Self.lanes, timeToLive: .seconds(8))
            try await withWorker(setup, database) { _ in
                await environment.until { $0.completions == Self.lanes }
                let seen = try await board.count(Self.heard)
                try await eventually("a heartbeat") { try await board.count(Self.heard) > seen }
                isOpen.set(true)
                environment.release()
                try await board.untilFinished(Self.jobs)
            }
        }
        let attempts = try await board.attempts()
        #expect(attempts.map(\.position) == Array(0..<Int32(Self.jobs)))
        #expect(attempts.allSatisfy { $0.isFinal && $0.attempt == 1 && $0.score == 250_000_000 })
        #expect(try await board.count("SELECT count(*) FROM affine.worker WHERE stopped_at IS NOT NULL") == 1)
        #expect(try await board.count("SELECT count(*) FROM affine.lease") == 0)
    }

    /// When the worker was last heard of, in milliseconds; heartbeats come every two seconds.
    private static let heard =
        "SELECT (extract(epoch FROM max(seen_at) - min(started_at)) * 1000)::int8 FROM affine.worker"
}
