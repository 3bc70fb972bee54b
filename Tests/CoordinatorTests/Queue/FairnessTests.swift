import Coordinator
import Postgres
import TestSupport
import Testing

/// Who is served next, and how much at once.
@Suite(.migratedDatabase) struct FairnessTests {
    /// The evaluations from which a worker that serves them all gets its next claims, one run each.
    private func turns(_ count: Int, _ worker: FakeWorker, _ deployments: [Int64]) async throws -> [Int64] {
        var evaluations: [Int64] = []
        for _ in 0..<count {
            let leases = try await worker.database.run(
                Claim(worker: worker.id, deployments: deployments, environments: nil, runs: 1))
            evaluations.append(try #require(leases.first).evaluation)
        }
        return evaluations
    }

    @Test("models that are evaluated at once take turns by weight", arguments: [1, 3])
    func weights(weight: Int) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("abc")
            let plain = try await stage.plan(miners[1], jobs: 40)
            let heavy = try await stage.plan(miners[2], jobs: 40, weight: weight)
            let worker = try await FakeWorker.registered(on: stage)
            let deployments = [try await worker.serve(miners[1]), try await worker.serve(miners[2])]
            let turns = try await turns(24, worker, deployments)
            #expect(turns.count { $0 == heavy } == 24 * weight / (weight + 1))
            #expect(turns.count { $0 == plain } == 24 / (weight + 1))
            // Evenly spread, not one after the other.
            #expect(turns.prefix(8).count { $0 == plain } == 8 / (weight + 1))
        }
    }

    @Test("a model that comes later neither waits for the one before it nor makes it wait")
    func latecomer() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("abc")
            let first = try await stage.plan(miners[1], jobs: 60)
            let worker = try await FakeWorker.registered(on: stage)
            let deployments = [try await worker.serve(miners[1]), try await worker.serve(miners[2])]
            _ = try await turns(30, worker, deployments)
            let second = try await stage.plan(miners[2], jobs: 60)
            let turns = try await turns(20, worker, deployments)
            #expect(turns.count { $0 == first } == 10)
            #expect(turns.count { $0 == second } == 10)
        }
    }

    @Test("evaluations of one model follow one another, and what an earlier one queues again goes first")
    func oneModel() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab")
            let first = try await stage.plan(miners[1], jobs: 3)
            let second = try await stage.plan(miners[1], jobs: 3)
            let worker = try await FakeWorker.registered(on: stage)
            let deployment = try await worker.serve(miners[1])
            let lease = try #require(try await worker.claim(deployment).first)
            try await #expect(turns(3, worker, [deployment]) == [first, first, second])
            _ = try await worker.settle([lease], .infraFault)
            try await #expect(turns(3, worker, [deployment]) == [first, second, second])
        }
    }

    @Test("retries, and tasks that take the place of others, come after all that was planned")
    func tail() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab")
            let evaluation = try await stage.plan(miners[1], jobs: 4)
            let worker = try await FakeWorker.registered(on: stage)
            let leases = try await worker.claim(try await worker.serve(miners[1]), runs: 2)
            _ = try await worker.settle([leases[1]], .infraFault)
            try await worker.release([leases[0]])
            try await stage.owner.execute(
                """
                ALTER TABLE affine.evaluation_environment DISABLE TRIGGER frozen_jobs;
                UPDATE affine.evaluation_environment SET planned = 5, task_ids = task_ids || 5::bigint WHERE evaluation = \(evaluation)
                """)
            try await stage.owner.execute("SELECT affine.enqueue(\(evaluation), NULL, 4)")
            try await #expect(stage.ready() == ["2-2 try 1", "3-3 try 1", "1-1 try 2", "0-0 try 1", "4-4 try 1"])
        }
    }

    @Test(
        "runs are 25 s of work by the median of what jobs took, unless the operator fixed their length",
        arguments: [(2_500, nil, 10), (2_500, 4, 4), (0, nil, 1_000), (60_000, nil, 1), (nil, nil, 1)]
            as [(milliseconds: Int?, fixed: Int16?, length: Int)])
    func guided(milliseconds: Int?, fixed: Int16?, length: Int) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab", runLength: fixed)
            if let milliseconds {
                try await stage.plan(miners[0], jobs: 11)
                // One job that took an hour changes no median.
                try await stage.owner.execute(
                    """
                    INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
                                                lease, duration_ms)
                    SELECT 1, max(e.id), min(n.id), p, 1, true, 'scored', 0, gen_random_uuid(),
                           CASE p WHEN 0 THEN 3600000 ELSE \(milliseconds) END
                    FROM affine.evaluation e, affine.environment n, generate_series(0, 10) AS p GROUP BY p
                    """)
                try await stage.endEvaluations()
            }
            let jobs = 12_000
            try await stage.plan(miners[1], jobs: jobs)
            let runs = try await stage.ready("to_position - from_position + 1").compactMap { Int($0) }
            #expect(runs.first == length)
            #expect(runs.last == 1)
            #expect(runs.reduce(0, +) == jobs)
            #expect(runs == runs.sorted(by: >))
        }
    }
}
