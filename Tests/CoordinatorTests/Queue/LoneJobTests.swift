import Foundation
import Postgres
import TestSupport
import Testing

/// One call a job, for workers that do one at a time: the same promises as settling and claiming apart.
@Suite(.migratedDatabase) struct LoneJobTests {
    private func scene(
        jobs: Int = 4, runLength: Int16 = 1, _ body: (Stage, FakeWorker, Lease) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab", attempts: 2, runLength: runLength)
            try await stage.plan(miners[1], jobs: jobs)
            let worker = try await FakeWorker.registered(on: stage)
            let lease = try #require(try await worker.claim(try await worker.serve(miners[1])).first)
            try await body(stage, worker, lease)
        }
    }

    private func report(
        _ worker: FakeWorker, _ lease: UUID, _ position: Int32, _ answer: Answer
    ) async throws -> (status: String, next: LoneJob?) {
        let rows = try await worker.database.run(
            SettleAndClaim(
                worker: worker.id, lease: lease, evaluation: 2, environment: 1, position: position, answer: answer))
        return try #require(rows.first)
    }

    @Test("job after job to the end, faults included: each is settled once, and then there is nothing more")
    func chain() async throws {
        try await scene { stage, worker, first in
            var (lease, position) = (first.id, first.positions[0])
            var met: [String] = []
            while true {
                let isFirstTry =
                    try await stage.owner.value(
                        "SELECT count(*) FROM affine.attempt WHERE position = \(position)") == "0"
                let answer: Answer = position == 1 && isFirstTry ? .infraFault : .scored(500)
                let (status, next) = try await report(worker, lease, position, answer)
                #expect(status == "accepted")
                met.append("\(position)")
                guard let next else { break }
                (lease, position) = (next.lease, next.positions.lowerBound)
            }
            #expect(met == ["0", "1", "2", "3", "1"])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final") == "4")
            try await #expect(stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("a zombie's report is refused, kept as an event, and brings no further job")
    func zombie() async throws {
        try await scene { stage, worker, lease in
            try await stage.owner.execute("UPDATE affine.lease SET expires_at = '2000-01-01'")
            _ = try await stage.coordinator.value("SELECT affine.rescue()")
            let (status, next) = try await report(worker, lease.id, 0, .scored(900))
            #expect(status == "superseded" && next == nil)
            try await #expect(stage.events("job.fenced") == 1)
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final") == "0")
        }
    }

    @Test("sent twice a report is stored once, and the job that the lost answer named comes back by rescue")
    func twice() async throws {
        try await scene { stage, worker, lease in
            let (_, lost) = try await report(worker, lease.id, 0, .scored(900))
            let (status, next) = try await report(worker, lease.id, 0, .scored(900))
            #expect(status == "duplicate" && lost != nil && next == nil)
            try await #expect(stage.queue() == "2 ready, 1 leased")
        }
    }

    @Test("an evaluation that ended takes no report and gives no job; a score out of bounds is refused")
    func refused() async throws {
        try await scene { stage, worker, lease in
            let error = await #expect(throws: PostgresError.self) {
                _ = try await report(worker, lease.id, 0, .scored(1_001))
            }
            #expect(error?.sqlState == "AF004")
            try await stage.owner.execute("UPDATE affine.evaluation SET state = 'cancelled', ended_at = now()")
            let (status, next) = try await report(worker, lease.id, 0, .scored(900))
            #expect(status == "superseded" && next == nil)
        }
    }

    @Test("of a run of several jobs the lease stays until the last is reported")
    func longRun() async throws {
        try await scene(jobs: 16, runLength: 2) { stage, worker, lease in
            #expect(lease.positions == [0, 1])
            let (status, next) = try await report(worker, lease.id, 0, .scored(900))
            #expect(status == "accepted" && next?.positions == 2...2)
            try await #expect(worker.settle([Report(job: lease.jobs(of: "b")[1], answer: .scored(1))]) == ["accepted"])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.lease") == "1")
        }
    }
}
