import Postgres
import TestSupport
import Testing

/// A job that takes far longer than others of its kind is offered once more; the first final result counts.
@Suite(.migratedDatabase) struct BackupTests {
    /// All but two of twelve jobs are scored. The last two are held by `slow`, for an hour already.
    private func scene(scored: Int = 10, _ body: (Scene) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab", attempts: 2)
            try await stage.plan(miners[1], jobs: scored + 2)
            let slow = try await FakeWorker.registered(on: stage)
            let deployment = try await slow.serve(miners[1])
            let leases = try await slow.claim(deployment, runs: 100)
            _ = try await slow.settle(Array(leases.dropLast(2)), .scored(500))
            try await stage.owner.execute("UPDATE affine.lease SET claimed_at = now() - interval '1 hour'")
            try await body(
                Scene(
                    stage: stage, slow: slow, quick: try await .registered(on: stage), deployment: deployment,
                    late: Array(leases.suffix(2))))
        }
    }

    private struct Scene: Sendable {
        let stage: Stage
        let slow: FakeWorker
        let quick: FakeWorker
        let deployment: Int64
        /// Positions 10 and 11.
        let late: [Lease]

        func backUp() async throws -> String { try await stage.coordinator.value("SELECT affine.back_up()") }

        /// The other worker's backups of both.
        func backups() async throws -> [Lease] {
            try await #expect(backUp() == "2")
            return try await quick.claim(deployment, runs: 100)
        }

        /// Attempts at the two, in the order they were stored.
        func attempts() async throws -> [String] {
            try await stage.owner.column(
                """
                SELECT concat_ws(' ', position, 'try', attempt, CASE WHEN backup THEN 'backup' END, outcome,
                                 CASE WHEN final THEN 'final' END)
                FROM affine.attempt WHERE position >= 10 ORDER BY position, ended_at
                """)
        }
    }

    @Test("another worker gets the backup, once, and the straggler never its own")
    func offered() async throws {
        try await scene { scene in
            try await #expect(scene.backUp() == "2")
            try await #expect(scene.backUp() == "0")
            try await #expect(scene.slow.claim(scene.deployment, runs: 10).isEmpty)
            try await #expect(scene.quick.claim(scene.deployment, runs: 10).map(\.positions) == [[10], [11]])
            try await #expect(scene.backUp() == "0")
        }
    }

    @Test("the first final result counts, whoever brings it, and the other's is answered as a duplicate")
    func first() async throws {
        try await scene { scene in
            let backups = try await scene.backups()
            try await #expect(scene.quick.settle([backups[0]], .scored(700)) == ["accepted"])
            try await #expect(scene.slow.settle([scene.late[0]], .scored(900)) == ["duplicate"])
            try await #expect(scene.slow.settle([scene.late[1]], .modelFault) == ["accepted"])
            try await #expect(scene.quick.settle([backups[1]], .scored(900)) == ["duplicate"])
            try await #expect(scene.attempts() == ["10 try 1 backup scored final", "11 try 1 model_fault final"])
            try await #expect(scene.stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("a backup's own failure is kept, costs the job no try and is not repeated")
    func failure() async throws {
        try await scene { scene in
            let backups = try await scene.backups()
            try await #expect(scene.quick.settle(backups, .infraFault) == ["accepted", "accepted"])
            try await #expect(scene.stage.queue() == "0 ready, 2 leased")
            try await #expect(scene.slow.settle([scene.late[0]], .infraFault) == ["accepted"])
            try await #expect(scene.stage.ready() == ["10-10 try 2"])
            try await #expect(scene.slow.settle([scene.late[1]], .scored(1)) == ["accepted"])
            try await #expect(
                scene.attempts() == [
                    "10 try 1 backup infra_fault", "10 try 1 infra_fault", "11 try 1 backup infra_fault",
                    "11 try 1 scored final",
                ])
        }
    }

    @Test("a backup can still bring the result after its straggler failed and while the job is queued again")
    func afterFailure() async throws {
        try await scene { scene in
            let backups = try await scene.backups()
            _ = try await scene.slow.settle(scene.late, .infraFault)
            try await #expect(scene.quick.settle([backups[0]], .scored(700)) == ["accepted"])
            let again = try await scene.quick.claim(scene.deployment, runs: 10)
            #expect(again.map(\.attempt) == [2, 2])
            try await #expect(scene.quick.settle(again, .scored(800)) == ["duplicate", "accepted"])
            try await #expect(scene.quick.settle([backups[1]], .scored(900)) == ["duplicate"])
            try await #expect(scene.stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("a lost backup is over, one that is handed back is offered again")
    func lost() async throws {
        try await scene { scene in
            let backups = try await scene.backups()
            try await scene.stage.owner.execute(
                "UPDATE affine.lease SET expires_at = '2000-01-01' WHERE id = '\(backups[0].id)'")
            try await #expect(scene.stage.coordinator.value("SELECT affine.rescue()") == "1")
            try await #expect(scene.stage.ready().isEmpty)
            try await scene.quick.release([backups[1]])
            try await #expect(scene.slow.claim(scene.deployment).isEmpty)
            try await #expect(scene.quick.claim(scene.deployment, runs: 9).map(\.positions) == [[11]])
            try await scene.quick.stop()
            try await #expect(scene.stage.ready() == ["11-11 try 1"])
            try await #expect(scene.attempts() == ["10 try 1 backup infra_fault"])
        }
    }

    @Test("backups that nobody took go when their jobs have ended")
    func unneeded() async throws {
        try await scene { scene in
            try await #expect(scene.backUp() == "2")
            _ = try await scene.slow.settle([scene.late[0]], .scored(500))
            try await #expect(scene.backUp() == "0")
            try await #expect(scene.stage.ready() == ["11-11 try 1"])
        }
    }

    @Test("nothing is backed up with too little to compare with")
    func fewMeasured() async throws {
        try await scene(scored: 9) { scene in try await #expect(scene.backUp() == "0") }
    }

    @Test("nothing is backed up while there is other work, or no reason")
    func reasons() async throws {
        try await scene { scene in
            try await scene.stage.owner.execute("UPDATE affine.lease SET claimed_at = now() - interval '1 second'")
            try await #expect(scene.backUp() == "0")
            try await scene.stage.owner.execute("UPDATE affine.lease SET claimed_at = now() - interval '6 seconds'")
            try await scene.slow.release([scene.late[0]])
            try await #expect(scene.backUp() == "0")
            let waiting = try await scene.quick.claim(scene.deployment)
            #expect(waiting.map(\.positions) == [[10]])
            try await #expect(scene.backUp() == "1")
        }
    }
}
