import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Everything at once, on connections of their own: what no single interleaving shows.
@Suite(.migratedDatabase, .timeLimit(.minutes(10))) struct StormTests {
    private static let jobs = 400

    @Test("under workers, zombies, rescues, backups and replaced models at once nothing is lost, doubled or deadlocked")
    func storm() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab", attempts: 100, runLength: 5)
            try await stage.plan(miners[1], jobs: Self.jobs)
            let crowd = try Stage.pool(as: "affine_worker") { $0.maximumConnections = 6 }
            try await withThrowingTaskGroup { group in
                for seed in 1...5 {
                    group.addTask { try await work(on: stage, crowd, miners[1], SeededRandom(seed: seed)) }
                }
                group.addTask { try await spoil(stage, "expires_at", "rescue", SeededRandom(seed: 6)) }
                group.addTask { try await spoil(stage, "claimed_at", "back_up", SeededRandom(seed: 7)) }
                try await group.waitForAll()
            }
            await crowd.close()
            try await #expect(
                stage.owner.value(
                    "SELECT count(*) || ' ' || count(DISTINCT position) FROM affine.attempt WHERE final")
                    == "\(Self.jobs) \(Self.jobs)")
            // A lease that was taken away for a job brought no result of it.
            try await #expect(
                stage.owner.value(
                    """
                    SELECT count(*) FROM affine.attempt lost JOIN affine.attempt late USING (lease, position)
                    WHERE lost.error_code = 'lease_lost' AND late.error_code IS DISTINCT FROM 'lease_lost'
                    """) == "0")
            try await #expect(
                stage.owner.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == "0")
            // The storm was one.
            for code in ["lease_lost", "engine_away"] {
                let count = try await stage.owner.value(
                    "SELECT count(*) FROM affine.attempt WHERE error_code = '\(code)'")
                #expect(try #require(Int(count)) > 0, "no attempt ended in \(code)")
            }
            try await #expect(stage.events("job.fenced") > 0)
        }
    }

    private func isOver(_ stage: Stage) async throws -> Bool {
        try await stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final") == "\(Self.jobs)"
    }

    /// A worker that settles in any order, late, twice, in part; hands back, stops and begins anew.
    private func work(
        on stage: Stage, _ crowd: Database, _ miner: TestMiner, _ seeded: SeededRandom
    ) async throws {
        var random = seeded
        var worker = FakeWorker(database: crowd)
        try await crowd.run(RegisterWorker(worker: worker.id, ttl: 600_000))
        var deployment = try await worker.serve(miner)
        var held: [Lease] = []
        while try await !isOver(stage) {
            held = (held + (try await worker.claimTogether(deployment, runs: 3))).suffix(8)
            let chosen = random.shuffled(held).filter { _ in random.chance(60) }
            let reports = chosen.flatMap { $0.jobs(of: "b") }.filter { _ in random.chance(80) }
                .map { Report(job: $0, answer: random.pick([.scored(500), .scored(100), .modelFault, .infraFault])) }
            _ = try await worker.settle(random.shuffled(reports))
            if random.chance(20) { _ = try await worker.settle(reports) }
            if random.chance(20) { try await worker.release(held) }
            if random.chance(5) { deployment = try await replaceModel(worker, miner) }
            if random.chance(5) {
                try await worker.stop()
                worker = FakeWorker(database: crowd)
                try await crowd.run(RegisterWorker(worker: worker.id, ttl: 600_000))
                deployment = try await worker.serve(miner)
            }
        }
    }

    /// Another model is served for a moment where this one was: every lease there goes back.
    private func replaceModel(_ worker: FakeWorker, _ miner: TestMiner) async throws -> Int64 {
        try await worker.serve(TestMiner("z"), at: miner.url)
        return try await worker.serve(miner)
    }

    /// Makes leases look old, and lets a coordinator's duty find them.
    private func spoil(_ stage: Stage, _ column: String, _ duty: String, _ seeded: SeededRandom) async throws {
        var random = seeded
        while try await !isOver(stage) {
            try await stage.owner.execute(
                """
                UPDATE affine.lease SET \(column) = '2000-01-01' WHERE id IN (
                    SELECT id FROM affine.lease ORDER BY id OFFSET \(random.int(0...3)) LIMIT 2 FOR UPDATE SKIP LOCKED)
                """)
            _ = try await stage.coordinator.value("SELECT affine.\(duty)()")
        }
    }
}
