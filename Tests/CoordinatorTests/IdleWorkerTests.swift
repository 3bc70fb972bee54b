import Coordinator
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// `ops.worker` says why a worker has nothing in hand.
@Suite(.migratedDatabase) struct IdleWorkerTests {
    private func why(_ stage: Stage, _ worker: FakeWorker) async throws -> String {
        try await stage.owner.value(
            "SELECT COALESCE(idle_because, 'busy') FROM ops.worker WHERE id = '\(worker.id)'")
    }

    /// A worker with an engine of its own.
    private func engineWorker(_ stage: Stage) async throws -> FakeWorker {
        let worker = FakeWorker(database: stage.workers)
        try await stage.workers.execute(
            "SELECT affine.register_worker('\(worker.id)', 'engine', 'b300', 4, 60000)")
        return worker
    }

    private func place(_ worker: FakeWorker, _ miner: TestMiner) async throws {
        try await worker.database.execute(
            "SELECT affine.place('\(worker.id)', 'h', '\(miner.model.repository)', '\(miner.model.revision)')")
    }

    @Test("a worker at an endpoint: nobody waits, a pause, nothing ready, the rest elsewhere, or another model's jobs")
    func endpoint() async throws {
        try await Stage.with { stage in
            let worker = try await FakeWorker.registered(on: stage)
            try await #expect(why(stage, worker) == "nobody waits in the queue")
            let miners = try await stage.prepare("ab")
            try await #expect(why(stage, worker) == "no job is ready")
            try await ArenaControl(database: stage.coordinator).pause(reason: "maintenance")
            try await #expect(why(stage, worker) == "the arena is paused: maintenance")
            try await ArenaControl(database: stage.coordinator).resume(reason: "done")
            try await stage.arena.advance()
            try await #expect(why(stage, worker) == "none of its endpoints serves a model that has jobs ready")
            let other = try await FakeWorker.registered(on: stage)
            let leases = try await other.claimTogether(other.serve(miners[0]), runs: 100)
            _ = try await other.claimTogether(other.serve(miners[0]), runs: 100)
            try await #expect(why(stage, worker) == "all jobs that are left are in work elsewhere")
            try await #expect(why(stage, other) == "busy")
            try await other.release(leases)
            try await other.stop()
            try await #expect(why(stage, other) == "busy")
        }
    }

    @Test("a worker with an engine: it loads, serves what has no jobs, failed to load, or would come too late")
    func engine() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.arena.advance()
            let worker = try await engineWorker(stage)
            try await #expect(why(stage, worker) == "others end the work sooner than it could load a model")
            try await place(worker, miners[0])
            try await #expect(why(stage, worker) == "it loads models/a")
            try await place(worker, miners[1])
            try await #expect(why(stage, worker) == "no job is ready for models/b")
            try await stage.workers.execute(
                """
                SELECT affine.place('\(worker.id)', 'h', NULL, NULL);
                SELECT affine.record_load('\(worker.id)', 'h', 'models/a', '\(miners[0].model.revision)', false, 1, 'no memory')
                """)
            try await #expect(why(stage, worker) == "the last model it was to load failed")
        }
    }
}
