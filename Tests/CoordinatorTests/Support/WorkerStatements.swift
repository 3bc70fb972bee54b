import Domain
import Foundation
import Postgres
import Records

// The worker contract as any worker calls it, in whatever language.

struct RegisterWorker: Statement {
    static let sql = "SELECT affine.register_worker($1, 'test', 'endpoint', 8, $2)"
    let worker: UUID
    let ttl: Int32

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(ttl)
    }
}

struct Heartbeat: Statement {
    static let sql = "SELECT affine.heartbeat($1)"
    let worker: UUID
    func bind(_ bindings: inout Bindings) { bindings.append(worker) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

struct RegisterDeployment: Statement {
    static let sql = "SELECT deployment, generation FROM affine.register_deployment($1, $2, $3, $4)"
    let worker: UUID
    let url: String
    let model: ModelReference

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(url)
        bindings.append(model.repository)
        bindings.append(model.revision)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (deployment: Int64, generation: Int32) {
        (try row.next(), try row.next())
    }
}

/// Rows: one lease for each attempt number, with all its runs.
struct Claim: Statement {
    static let sql = """
        SELECT c.lease, c.evaluation, c.environment, c.attempt, c.from_positions, c.to_positions, d.task_ids, d.name
        FROM affine.claim($1, $2, $3, $4, 0) AS c
        CROSS JOIN LATERAL (SELECT e.name, e.task_ids FROM affine.describe_evaluation(c.evaluation) AS e
                            WHERE e.environment = c.environment) AS d
        """
    let worker: UUID
    let deployments: [Int64]
    let environments: [String]?
    let runs: Int32

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(deployments)
        bindings.append(environments)
        bindings.append(runs)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Lease {
        let id: UUID = try row.next()
        let evaluation: Int64 = try row.next()
        let environmentID: Int16 = try row.next()
        let attempt: Int16 = try row.next()
        let from: [Int32] = try row.next()
        let to: [Int32] = try row.next()
        let tasks: [Int64] = try row.next()
        let positions = zip(from, to).flatMap { Array($0...$1) }
        return Lease(
            id: id, evaluation: evaluation, environmentID: environmentID, attempt: attempt, positions: positions,
            tasks: positions.map { tasks[Int($0)] }, environment: try row.next())
    }
}

struct Settle: Statement {
    static let sql = """
        SELECT status FROM affine.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ORDER BY place
        """
    let worker: UUID
    let reports: [Report]
    /// Nil for all leases that are reported on.
    var finished: [UUID]?

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(finished ?? Array(Set(reports.map(\.job.lease.id))))
        bindings.append(reports.map(\.job.lease.id))
        bindings.append(reports.map(\.job.lease.evaluation))
        bindings.append(reports.map(\.job.lease.environmentID))
        bindings.append(reports.map(\.job.position))
        bindings.append(reports.map(\.answer.outcome.rawValue))
        bindings.append(reports.map(\.answer.score?.nano))
        bindings.append(reports.map(\.answer.code))
        bindings.append(reports.map { _ in String?.none })
        bindings.append(reports.map(\.answer.evidence))
        bindings.append(reports.map { _ in Int32(5) })
        bindings.append(reports.map { $0.answer.tokens.map { _ in Int32(0) } })
        bindings.append(reports.map(\.answer.tokens))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}

struct Release: Statement {
    static let sql = "SELECT affine.release($1, $2, $3)"
    let worker: UUID
    let jobs: [Job]

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(jobs.map(\.lease.id))
        bindings.append(jobs.map(\.position))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int32 { try row.next() }
}

struct StopWorker: Statement {
    static let sql = "SELECT affine.stop_worker($1)"
    let worker: UUID
    func bind(_ bindings: inout Bindings) { bindings.append(worker) }
}

/// Row: the answer to the report, and the job that follows; nil when nothing was taken.
struct SettleAndClaim: Statement {
    static let sql = """
        SELECT status, lease, from_position, to_position, attempt
        FROM affine.settle_and_claim($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL, 5, NULL, NULL, 0)
        """
    let worker: UUID
    let lease: UUID
    let evaluation: Int64
    let environment: Int16
    let position: Int32
    let answer: Answer

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(lease)
        bindings.append(evaluation)
        bindings.append(environment)
        bindings.append(position)
        bindings.append(answer.outcome.rawValue)
        bindings.append(answer.score?.nano)
        bindings.append(answer.code)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (status: String, next: LoneJob?) {
        let status: String = try row.next()
        let lease: UUID? = try row.next()
        let from: Int32? = try row.next()
        let to: Int32? = try row.next()
        let attempt: Int16? = try row.next()
        guard let lease, let from, let to, let attempt else { return (status, nil) }
        return (status, LoneJob(lease: lease, positions: from...to, attempt: attempt))
    }
}

/// What `settle_and_claim` brought.
struct LoneJob: Sendable {
    let lease: UUID
    let positions: ClosedRange<Int32>
    let attempt: Int16
}
