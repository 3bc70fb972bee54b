internal import Postgres
internal import Records

/// One worker whose results of a window differ from those of others; `ops.worker_residuals` says how that is measured.
public struct WorkerResidual: Hashable, Sendable, Encodable {
    public var window: Int64
    public var worker: String
    public var name: String
    public var jobs: Int64
    /// In units of scores.
    public var meanResidual: Double
    /// In standard errors.
    public var z: Double
}

struct FindOutliers: Statement {
    static let sql = """
        SELECT window_id, worker::text, name, jobs, mean_residual, z FROM ops.worker_residuals
        WHERE is_outlier AND window_id = (SELECT max(id) FROM affine.task_window) ORDER BY abs(z) DESC
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> WorkerResidual {
        try WorkerResidual(
            window: row.next(), worker: row.next(), name: row.next(), jobs: row.next(), meanResidual: row.next(),
            z: row.next())
    }
}

extension Reports {
    /// Workers of the newest window that seem to shift scores, the strangest first.
    public func outlyingWorkers() async throws -> [WorkerResidual] { try await database.run(FindOutliers()) }
}
