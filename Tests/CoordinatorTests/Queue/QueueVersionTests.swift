import Postgres
import TestSupport
import Testing

/// What an idle worker looks at instead of claiming.
@Suite(.migratedDatabase) struct QueueVersionTests {
    @Test("the queue's version grows when jobs are planned, queued again or handed back, and not by claims and results")
    func grows() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab")
            func version() async throws -> Int {
                try #require(Int(try await stage.owner.value("SELECT affine.queue_version()")))
            }
            var before = try await version()
            func grew() async throws -> Bool {
                let now = try await version()
                defer { before = now }
                return now > before
            }
            try await stage.plan(miners[1], jobs: 3)
            try await #expect(grew())
            let worker = try await FakeWorker.registered(on: stage)
            let leases = try await worker.claim(try await worker.serve(miners[1]), runs: 3)
            _ = try await worker.settle([leases[0]], .scored(500))
            try await #expect(!grew())
            _ = try await worker.settle([leases[1]], .infraFault)
            try await #expect(grew())
            try await worker.release([leases[2]])
            try await #expect(grew())
        }
    }
}
