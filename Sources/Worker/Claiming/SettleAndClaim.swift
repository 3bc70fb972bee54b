internal import Domain
internal import EnvironmentCalls
internal import Inference
package import Postgres
internal import Records

package import struct FoundationEssentials.UUID

/// Reports the last job of a lease and takes the next run of its evaluation and environment, for workers that do one job at
/// a time. Row: the answer to the report, and the lease; nil when nothing was taken, and `Claim` has to look everywhere.
package struct SettleAndClaim: Statement {
    package static let sql = """
        SELECT status, lease, deployment, evaluation, environment, attempt, from_position, to_position, pass
        FROM affine.settle_and_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """
    var worker: UUID
    var report: JobReport
    var floor: Int64

    package init(worker: UUID, report: JobReport, floor: Int64) {
        self.worker = worker
        self.report = report
        self.floor = floor
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(report.job.lease.id)
        bindings.append(report.job.lease.evaluation)
        bindings.append(report.job.lease.environment)
        bindings.append(report.job.position)
        bindings.append(report.result.outcome.rawValue)
        bindings.append(report.result.score?.nano)
        bindings.append(report.result.errorCode)
        bindings.append(report.result.errorDetail)
        bindings.append(report.result.evidence)
        bindings.append(Int32(clamping: report.duration.milliseconds))
        bindings.append((report.result.usage?.promptTokens).map(Int32.init(clamping:)))
        bindings.append((report.result.usage?.completionTokens).map(Int32.init(clamping:)))
        bindings.append(floor)
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> (answer: Settlement, next: Lease?) {
        let answer = try Settlement.decode(&row)
        let id: UUID? = try row.next()
        let deployment: DeploymentID? = try row.next()
        let evaluation: EvaluationID? = try row.next()
        let environment: Int16? = try row.next()
        let attempt: Int16? = try row.next()
        let from: Int32? = try row.next()
        let to: Int32? = try row.next()
        let pass: Int64? = try row.next()
        guard let id, let deployment, let evaluation, let environment, let attempt, let from, let to, let pass else {
            return (answer, nil)
        }
        let lease = Lease(
            id: id, deployment: deployment, evaluation: evaluation, environment: environment, attempt: attempt,
            runs: [from...to], pass: pass)
        return (answer, lease)
    }
}
