import Coordinator
import Domain
import Postgres
import Testing

/// Evaluations that a test plans by hand, in a window whose baseline it has done with.
extension Stage {
    /// Environment `abd`, a window, and these miners; nothing is queued.
    func prepareQueue(_ letters: String, attempts: Int16 = 3, runLength: Int16? = 1) async throws -> [TestMiner] {
        var environment = try EnvironmentDefinition.test("abd", count: 10, attempts: attempts)
        environment.runLength = runLength
        try await define(environment)
        try await observe(100)
        let miners = try await admit(letters)
        try await arena.advance()
        try await endEvaluations()
        return miners
    }

    /// Ends whatever runs, and clears the queue of it.
    func endEvaluations() async throws {
        try await owner.execute(
            "UPDATE affine.evaluation SET state = 'cancelled', ended_at = now() WHERE state = 'running'")
        try await coordinator.execute("SELECT affine.revoke_ended()")
    }

    /// An evaluation of a miner's model with so many jobs, all of them queued.
    @discardableResult
    func plan(_ miner: TestMiner, jobs: Int, weight: Int = 1) async throws -> Int64 {
        try await owner.execute(
            """
            INSERT INTO affine.evaluation (window_id, hotkey, model, revision, round, weight, deadline_at)
            SELECT 1, '\(miner.hotkey)', '\(miner.model.repository)', '\(miner.model.revision)',
                   (SELECT 10 + count(*) FROM affine.evaluation), \(weight), now() + interval '1 day';
            INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
            SELECT max(e.id), n.id, ARRAY(SELECT generate_series(1, \(jobs))), \(jobs)
            FROM affine.evaluation e, affine.environment n WHERE n.name = 'abd' GROUP BY n.id;
            SELECT affine.enqueue(max(id)) FROM affine.evaluation
            """)
        return try #require(try await Int64(owner.value("SELECT max(id) FROM affine.evaluation")))
    }

    /// What waits, in the order in which it is claimed.
    ///
    /// - Parameter columns: what to say of each run; else its positions and try, such as `2-4 try 1`.
    func ready(_ columns: String = "concat_ws('-', from_position, to_position) || ' try ' || attempt") async throws
        -> [String]
    {
        try await owner.column("SELECT \(columns) FROM affine.ready ORDER BY pass")
    }
}
