public import Domain
internal import Postgres
internal import Records

extension ContestHistory {
    /// The tasks of each contest on which a result of these workers counts, on either side.
    ///
    /// - Parameter workers: Names, or ids as `af doctor` and `ops.worker` show them.
    /// - Throws: `InvalidValue` for a worker that never registered.
    public func tasks(of workers: [String]) async throws -> [ContestID: [EnvironmentName: Set<TaskID>]] {
        var tasks: [ContestID: [EnvironmentName: Set<TaskID>]] = [:]
        for worker in workers {
            let known = try await database.run(FindWorkers(worker: worker))
            guard !known.isEmpty else {
                throw InvalidValue(field: "worker", value: worker, expected: "a name or an id of ops.worker")
            }
            for row in try await database.run(LoadWorkerTasks(workers: known)) {
                tasks[row.contest, default: [:]][row.environment, default: []].formUnion(row.tasks)
            }
        }
        return tasks
    }
}

/// Every process that had the name, or the one with the id.
private struct FindWorkers: Statement {
    static let sql = "SELECT id::text FROM affine.worker WHERE name = $1 OR id::text = $1"
    var worker: String
    func bind(_ bindings: inout Bindings) { bindings.append(worker) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

private struct LoadWorkerTasks: Statement {
    static let sql = """
        SELECT c.id, n.name, array_agg(ee.task_ids[a.position + 1])
        FROM affine.attempt a
        JOIN affine.contest c ON c.window_id = a.window_id AND a.evaluation IN (c.champion_evaluation, c.challenger_evaluation)
        JOIN affine.evaluation_environment ee ON ee.evaluation = a.evaluation AND ee.environment = a.environment
        JOIN affine.environment n ON n.id = a.environment
        WHERE a.final AND a.worker = ANY ($1::text[]::uuid[])
        GROUP BY c.id, n.name
        """
    var workers: [String]
    func bind(_ bindings: inout Bindings) { bindings.append(workers) }

    static func decode(
        _ row: inout RowReader
    ) throws(PostgresError) -> (contest: ContestID, environment: EnvironmentName, tasks: [TaskID]) {
        (try row.next(), try row.next(), try row.next())
    }
}
