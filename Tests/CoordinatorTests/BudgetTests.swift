import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// Every job ends, and only what counts against its budget is counted.
@Suite(.migratedDatabase) struct BudgetTests {
    private func scene(
        attempts: Int16, runLength: Int16 = 1, _ body: (Stage, FakeWorker, Int64) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            try await stage.define(.test("abd", count: 10, attempts: attempts, runLength: runLength))
            try await stage.observe(100)
            let miners = try await stage.admit("a")
            try await stage.arena.advance()
            let worker = try await FakeWorker.registered(on: stage)
            try await body(stage, worker, try await worker.serve(miners[0]))
        }
    }

    private func expire(_ stage: Stage) async throws -> String {
        try await stage.owner.execute("UPDATE affine.lease SET expires_at = '2000-01-01'")
        return try await stage.coordinator.value("SELECT affine.rescue()")
    }

    @Test("a polite hand-back costs a job nothing, however often")
    func release() async throws {
        try await scene(attempts: 1) { stage, worker, deployment in
            for _ in 1...5 {
                let leases = try await worker.claim(deployment, runs: 100)
                #expect(leases.map(\.attempt) == [Int16](repeating: 1, count: 10))
                try await #expect(worker.release(leases) == 10)
            }
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt") == "0")
            try await #expect(stage.queue() == "10 ready, 0 leased")
        }
    }

    @Test("a worker that stops hands back what it holds, uncounted")
    func stop() async throws {
        try await scene(attempts: 1) { stage, worker, deployment in
            try await #expect(worker.claim(deployment, runs: 4).count == 4)
            try await worker.stop()
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt") == "0")
            try await #expect(stage.queue() == "10 ready, 0 leased")
        }
    }

    @Test("of a lease that is handed back only what was not reported returns, and the lease ends with its last job")
    func partialRelease() async throws {
        try await scene(attempts: 3, runLength: 5) { stage, worker, deployment in
            let lease = try #require(try await worker.claimTogether(deployment, runs: 5).first)
            #expect(lease.tasks.count == 5)
            try await #expect(worker.settle([Report(job: lease.jobs(of: "a")[2], answer: .scored(1))]) == ["accepted"])
            try await #expect(worker.release([lease]) == 4)
            try await #expect(
                stage.owner.column(
                    """
                    SELECT concat_ws('-', from_position, to_position) || ' try ' || attempt FROM affine.ready
                    WHERE to_position < 5 ORDER BY pass
                    """) == ["0-0 try 1", "1-1 try 1", "3-3 try 1", "4-4 try 1"])
            try await #expect(stage.coordinator.value("SELECT affine.rescue()") == "0")
            try await #expect(
                worker.settle([lease], .scored(2)) == [
                    "superseded", "superseded", "duplicate", "superseded", "superseded",
                ])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.lease") == "0")
        }
    }

    @Test("a rescue counts one try; over budget the job ends in a final infra_fault, and with it the evaluation")
    func rescue() async throws {
        try await scene(attempts: 2) { stage, worker, deployment in
            try await #expect(worker.claim(deployment, runs: 100).map(\.attempt).max() == 1)
            try await #expect(expire(stage) == "10")
            try await #expect(worker.claim(deployment, runs: 100).map(\.attempt).min() == 2)
            try await #expect(expire(stage) == "10")
            try await #expect(stage.queue() == "0 ready, 0 leased")
            try await #expect(
                stage.owner.column(
                    "SELECT concat_ws(' ', attempt, final, outcome, error_code, count(*)) FROM affine.attempt GROUP BY attempt, final, outcome, error_code ORDER BY attempt"
                ) == ["1 f infra_fault lease_lost 10", "2 t infra_fault lease_lost 10"])
            try await #expect(stage.coordinator.value("SELECT affine.rescue()") == "0")
        }
    }

    @Test("of a lost run only what was not reported is tried again")
    func partialRescue() async throws {
        try await scene(attempts: 3, runLength: 5) { stage, worker, deployment in
            let lease = try #require(try await worker.claimTogether(deployment, runs: 5).first)
            let jobs = lease.jobs(of: "a")
            try await #expect(
                worker.settle([
                    Report(job: jobs[0], answer: .scored(1)), Report(job: jobs[3], answer: .infraFault),
                ]) == ["accepted", "accepted"])
            try await #expect(expire(stage) == "3")
            try await #expect(
                stage.owner.column(
                    """
                    SELECT concat_ws('-', from_position, to_position) || ' try ' || attempt FROM affine.ready
                    WHERE to_position < 5 ORDER BY from_position
                    """) == ["1-2 try 2", "3-3 try 2", "4-4 try 2"])
        }
    }

    @Test("faults that are nobody's are tried again to the end of the budget, the model's own never")
    func faults() async throws {
        try await scene(attempts: 3) { stage, worker, deployment in
            while case let leases = try await worker.claim(deployment, runs: 100), !leases.isEmpty {
                let answers: [Answer] = [.modelFault, .infraFault, .environmentFault]
                _ = try await worker.settle(
                    leases.flatMap { $0.jobs(of: "a") }.map { Report(job: $0, answer: answers[Int($0.position % 3)]) })
            }
            try await #expect(
                stage.owner.column(
                    """
                    SELECT outcome || ' ' || max(attempt) || ', final ' || count(*) FILTER (WHERE final)
                    FROM affine.attempt GROUP BY outcome ORDER BY outcome
                    """) == ["model_fault 1, final 4", "infra_fault 3, final 3", "environment_fault 3, final 3"])
            try await #expect(stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("a live lease of a live worker is never rescued")
    func alive() async throws {
        try await scene(attempts: 1) { stage, worker, deployment in
            try await #expect(worker.claim(deployment, runs: 100).count == 10)
            try await #expect(stage.coordinator.value("SELECT affine.rescue()") == "0")
            try await #expect(stage.queue() == "0 ready, 10 leased")
        }
    }

    @Test("runs that are claimed at once are one lease for each number of tries")
    func together() async throws {
        try await scene(attempts: 3, runLength: 2) { stage, worker, deployment in
            let first = try await worker.claimTogether(deployment, runs: 4)
            #expect(first.map(\.positions) == [[0, 1, 2, 3]])
            try await #expect(expire(stage) == "4")
            let rest = try await worker.claimTogether(deployment, runs: 100)
            #expect(
                Dictionary(grouping: rest, by: \.attempt).mapValues { $0.flatMap(\.positions) }
                    == [1: [4, 5, 6, 7, 8, 9], 2: [0, 1, 2, 3]])
            _ = try await worker.settle(rest, .scored(1))
            try await #expect(stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("every job is claimed once, however many claim at once")
    func claims() async throws {
        try await scene(attempts: 1) { stage, worker, deployment in
            let positions = try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        var mine: [Int32] = []
                        while case let leases = try await worker.claimTogether(deployment, runs: 2), !leases.isEmpty {
                            mine += leases.flatMap(\.positions)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            // One who found all rows locked may have given up while another went on.
            #expect(positions.sorted() == Array(0..<10))
        }
    }
}
