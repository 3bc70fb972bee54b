import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// Only whoever holds the lease may report.
@Suite(.migratedDatabase) struct FencingTests {
    /// A baseline in progress, with two workers that serve the champion's model.
    private func scene(
        attempts: Int16 = 3, runLength: Int16 = 1, _ body: (Scene) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd", count: 10, attempts: attempts, runLength: runLength))
            try await stage.observe(100)
            let miners = try await stage.admit("ab")
            try await stage.arena.advance()
            let first = try await FakeWorker.registered(on: stage)
            let second = try await FakeWorker.registered(on: stage)
            try await body(
                Scene(
                    stage: stage, miners: miners, first: first, second: second,
                    deployment: try await first.serve(miners[0])))
        }
    }

    private struct Scene: Sendable {
        let stage: Stage
        let miners: [TestMiner]
        let first: FakeWorker
        let second: FakeWorker
        let deployment: Int64

        func claim(_ worker: FakeWorker) async throws -> Lease {
            try #require(try await worker.claim(deployment, runs: 1).first)
        }

        /// Claims until the job is met.
        func claim(_ worker: FakeWorker, position: Int32) async throws -> Lease {
            try #require(try await worker.claim(deployment, runs: 100).first { $0.positions == [position] })
        }

        func rescue() async throws -> String { try await stage.coordinator.value("SELECT affine.rescue()") }

        func attempts() async throws -> [String] {
            try await stage.owner.column(
                "SELECT concat_ws(' ', position, attempt, final, outcome, error_code) FROM affine.attempt ORDER BY 1")
        }
    }

    @Test(
        "a zombie's report changes nothing: claim A, expiry, claim B, report A",
        arguments: [
            "UPDATE affine.lease SET expires_at = '2000-01-01'",
            "UPDATE affine.worker SET seen_at = '2000-01-01' WHERE id = (SELECT worker FROM affine.lease)",
            "UPDATE affine.worker SET stopped_at = now() WHERE id = (SELECT worker FROM affine.lease)",
        ])
    func zombie(expiry: String) async throws {
        try await scene { scene in
            let a = try await scene.claim(scene.first)
            try await scene.stage.owner.execute(expiry)
            try await #expect(scene.rescue() == "1")
            let b = try await scene.claim(scene.second, position: a.positions[0])
            #expect(b.attempt == 2)

            try await #expect(scene.first.settle([a], .scored(1_000)) == ["superseded"])
            try await #expect(scene.attempts() == ["0 1 f infra_fault lease_lost"])
            try await #expect(
                scene.stage.owner.column(
                    "SELECT actor || ' ' || subject || ' ' || detail FROM affine.event WHERE kind = 'job.fenced'")
                    == ["worker \(scene.first.id) lease \(a.id) {\"positions\": [0]}".lowercased()])

            try await #expect(scene.second.settle([b], .scored(250)) == ["accepted"])
            try await #expect(scene.second.settle([b], .scored(250)) == ["duplicate"])
            try await #expect(scene.first.settle([a], .scored(1_000)) == ["superseded"])
            try await #expect(
                scene.stage.owner.column("SELECT score_nano FROM affine.attempt WHERE final") == ["250000000"])
        }
    }

    @Test(
        "a report after its evaluation ended is refused and kept as an event, with the lease still there or not",
        arguments: [false, true])
    func revoked(isCleared: Bool) async throws {
        try await scene { scene in
            let lease = try await scene.claim(scene.first)
            try await scene.stage.coordinator.execute(
                "UPDATE affine.evaluation SET state = 'cancelled', ended_at = now()")
            if isCleared { try await scene.stage.coordinator.execute("SELECT affine.revoke_ended()") }
            try await #expect(scene.second.claim(scene.deployment).isEmpty)
            try await #expect(scene.stage.queue() == (isCleared ? "0 ready, 0 leased" : "9 ready, 1 leased"))
            try await #expect(scene.first.settle([lease], .scored(1)) == ["superseded"])
            try await #expect(scene.attempts() == [])
            try await #expect(scene.stage.events("job.fenced") == 1)
        }
    }

    @Test("a report of a position outside the lease is refused")
    func outside() async throws {
        try await scene { scene in
            let lease = try await scene.claim(scene.first)
            let job = Job(lease: lease, miner: "a", position: lease.positions[0] + 1, task: 0)
            try await #expect(scene.first.settle([Report(job: job, answer: .scored(1))]) == ["superseded"])
            try await #expect(scene.attempts() == [])
        }
    }

    @Test("a lease is its holder's alone: another worker that knows its id can neither report nor hand it back")
    func others() async throws {
        try await scene { scene in
            let lease = try await scene.claim(scene.first)
            try await #expect(scene.second.settle([lease], .scored(1)) == ["superseded"])
            try await #expect(scene.second.release([lease]) == 0)
            try await #expect(scene.attempts() == [])
            try await #expect(scene.first.settle([lease], .scored(1)) == ["accepted"])
        }
    }

    @Test("a score outside the bounds refuses the whole batch, and nothing of it is done", arguments: [-1, 1_001])
    func bounds(score: Int64) async throws {
        try await scene { scene in
            let leases = try await scene.first.claim(scene.deployment, runs: 2)
            let jobs = leases.flatMap { $0.jobs(of: "a") }
            let error = await #expect(throws: PostgresError.self) {
                _ = try await scene.first.settle([
                    Report(job: jobs[0], answer: .scored(500)), Report(job: jobs[1], answer: .scored(score)),
                ])
            }
            #expect(error?.sqlState == "AF004")
            try await #expect(scene.attempts() == [])
            try await #expect(scene.first.settle(leases, .scored(500)) == ["accepted", "accepted"])
        }
    }

    @Test("the second report of a position counts for nothing, in the same batch or a later one")
    func secondReport() async throws {
        try await scene(runLength: 3) { scene in
            let lease = try #require(try await scene.first.claimTogether(scene.deployment, runs: 3).first)
            #expect(lease.tasks.count == 3)
            let job = lease.jobs(of: "a")[0]
            try await #expect(
                scene.first.settle([
                    Report(job: job, answer: .scored(500)), Report(job: job, answer: .infraFault),
                ]) == ["accepted", "duplicate"])
            try await #expect(scene.first.settle([Report(job: job, answer: .infraFault)]) == ["duplicate"])
            try await #expect(scene.first.settle([Report(job: job, answer: .scored(900))]) == ["duplicate"])
            try await #expect(scene.attempts() == ["0 1 t scored"])
            try await #expect(
                scene.stage.owner.value(
                    "SELECT count(*) FROM affine.ready WHERE from_position = 0") == "0")
        }
    }

    @Test("a job that was reported as nobody's fault is the queue's again, whatever its holder says of it later")
    func changedMind() async throws {
        try await scene { scene in
            let lease = try #require(try await scene.first.claimTogether(scene.deployment, runs: 2).first)
            let jobs = lease.jobs(of: "a")
            try await #expect(scene.first.settle([Report(job: jobs[0], answer: .infraFault)]) == ["accepted"])
            try await #expect(scene.first.settle([Report(job: jobs[0], answer: .scored(900))]) == ["duplicate"])
            try await #expect(scene.first.settle([Report(job: jobs[1], answer: .scored(500))]) == ["accepted"])
            let stored = try await scene.attempts().map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
            #expect(stored == ["0 1 f infra_fault", "1 1 t scored"])
        }
    }

    @Test("another model at the same URL takes the leases back uncounted: no score can be credited to the wrong model")
    func replaced() async throws {
        try await scene { scene in
            let lease = try await scene.claim(scene.first)
            try await scene.second.serve(scene.miners[1], at: scene.miners[0].url)
            try await #expect(scene.first.settle([lease], .scored(1_000)) == ["superseded"])
            try await #expect(scene.first.claim(scene.deployment).isEmpty)
            try await #expect(
                scene.stage.owner.column(
                    "SELECT generation || ' ' || model || ' ' || (retired_at IS NULL) FROM affine.deployment ORDER BY id"
                )
                    == ["1 models/a false", "2 models/b true"])

            let again = try await scene.second.serve(scene.miners[0], at: "http://elsewhere.example")
            let leases = try await scene.second.claim(again, runs: 100)
            #expect(leases.first { $0.positions == lease.positions }?.attempt == 1)
        }
    }

    @Test("a lease that a claim took while its deployment was being retired earns no score")
    func retiredMeanwhile() async throws {
        try await scene { scene in
            let lease = try await scene.claim(scene.first)
            try await scene.stage.owner.execute("UPDATE affine.deployment SET retired_at = now()")
            try await #expect(scene.first.settle([lease], .scored(1_000)) == ["superseded"])
            try await #expect(scene.attempts() == [])
        }
    }

    @Test("the same model at the same URL is the same deployment, whoever says so")
    func sameDeployment() async throws {
        try await scene { scene in
            try await #expect(scene.second.serve(scene.miners[0]) == scene.deployment)
        }
    }

    @Test("a worker that nobody registered, was stopped or fell silent gets no work")
    func strangers() async throws {
        try await scene { scene in
            let stranger = FakeWorker(database: scene.stage.workers)
            let silent = try await FakeWorker.registered(on: scene.stage)
            try await scene.stage.owner.execute(
                "UPDATE affine.worker SET seen_at = '2000-01-01' WHERE id = '\(silent.id)'")
            try await scene.second.stop()
            for worker in [stranger, silent, scene.second] {
                let error = await #expect(throws: PostgresError.self) { _ = try await worker.claim(scene.deployment) }
                #expect(error?.sqlState == "AF003")
            }
            try await #expect(stranger.heartbeat() == false)
            try await #expect(scene.second.heartbeat() == false)
            try await #expect(silent.heartbeat())
            try await #expect(silent.claim(scene.deployment).count == 1)
        }
    }
}
