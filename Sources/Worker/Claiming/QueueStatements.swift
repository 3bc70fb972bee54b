package import Domain
internal import EnvironmentCalls
internal import Inference
package import Postgres
internal import Records

package import struct FoundationEssentials.UUID

/// The worker contract: every statement here calls one function of `Migrations/0004_worker_functions.sql`.
package struct RegisterWorker: Statement {
    package static let sql = "SELECT affine.register_worker($1, $2, $3, $4, $5, $6)"
    var worker: UUID
    var label: String
    var lane: String
    var concurrency: Int32
    var ttlMilliseconds: Int32
    var hourlyPrice: Double?

    package init(
        worker: UUID, label: String, lane: String, concurrency: Int32, ttlMilliseconds: Int32,
        hourlyPrice: Double? = nil
    ) {
        self.worker = worker
        self.label = label
        self.lane = lane
        self.concurrency = concurrency
        self.ttlMilliseconds = ttlMilliseconds
        self.hourlyPrice = hourlyPrice
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(label)
        bindings.append(lane)
        bindings.append(concurrency)
        bindings.append(ttlMilliseconds)
        bindings.append(hourlyPrice)
    }
}

/// Row: whether the worker may go on.
package struct Heartbeat: Statement {
    package static let sql = "SELECT affine.heartbeat($1)"
    var worker: UUID

    package init(worker: UUID) {
        self.worker = worker
    }

    package func bind(_ bindings: inout Bindings) { bindings.append(worker) }
    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

/// Row: a number that grows with whatever is queued.
package struct QueueVersion: Statement {
    package static let sql = "SELECT affine.queue_version()"
    package init() {}
    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

package struct RegisterDeployment: Statement {
    package static let sql = "SELECT deployment FROM affine.register_deployment($1, $2, $3, $4)"
    var worker: UUID
    var baseURL: String
    var model: ModelReference

    package init(worker: UUID, baseURL: String, model: ModelReference) {
        self.worker = worker
        self.baseURL = baseURL
        self.model = model
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(baseURL)
        bindings.append(model.repository)
        bindings.append(model.revision)
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> DeploymentID { try row.next() }
}

package struct Claim: Statement {
    package static let sql = """
        SELECT lease, deployment, evaluation, environment, attempt, from_positions, to_positions, pass
        FROM affine.claim($1, $2, $3, $4, $5)
        """
    var worker: UUID
    var deployments: [DeploymentID]
    /// Nil for all.
    var environments: [EnvironmentName]?
    var runs: Int32
    var floor: Int64

    package init(
        worker: UUID, deployments: [DeploymentID], environments: [EnvironmentName]? = nil, runs: Int32, floor: Int64
    ) {
        self.worker = worker
        self.deployments = deployments
        self.environments = environments
        self.runs = runs
        self.floor = floor
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(deployments.map(\.rawValue))
        bindings.append(environments?.map(\.rawValue))
        bindings.append(runs)
        bindings.append(floor)
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Lease {
        let id: UUID = try row.next()
        let deployment: DeploymentID = try row.next()
        let evaluation: EvaluationID = try row.next()
        let environment: Int16 = try row.next()
        let attempt: Int16 = try row.next()
        let from: [Int32] = try row.next()
        let to: [Int32] = try row.next()
        return Lease(
            id: id, deployment: deployment, evaluation: evaluation, environment: environment, attempt: attempt,
            runs: zip(from, to).map { $0...$1 }, pass: try row.next())
    }
}

/// Hands back jobs that were not begun.
struct Release: Statement {
    static let sql = "SELECT affine.release($1, $2, $3)"
    var worker: UUID
    var jobs: [Job]

    func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(jobs.map(\.lease.id))
        bindings.append(jobs.map(\.position))
    }
}

package struct StopWorker: Statement {
    package static let sql = "SELECT affine.stop_worker($1)"
    var worker: UUID

    package init(worker: UUID) {
        self.worker = worker
    }

    package func bind(_ bindings: inout Bindings) { bindings.append(worker) }
}

/// What the database did with a report.
package enum Settlement: String, Sendable {
    case accepted
    /// Stored before, by this lease or, where a straggler was backed up, by the other: resending is harmless.
    case duplicate
    /// The lease is no longer held; nothing was stored.
    case superseded

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Settlement {
        let status: String = try row.next()
        guard let settlement = Settlement(rawValue: status) else {
            throw PostgresError(.decoding, "the queue answered '\(status)', which is no settlement")
        }
        return settlement
    }
}

/// Rows: one `Settlement` a report, in order.
package struct Settle: Statement {
    package static let sql = """
        SELECT status
        FROM affine.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ORDER BY place
        """
    var worker: UUID
    /// Leases of which nothing is left to report.
    var finished: [UUID]
    var reports: [JobReport]

    package init(worker: UUID, finished: [UUID], reports: [JobReport]) {
        self.worker = worker
        self.finished = finished
        self.reports = reports
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(finished)
        bindings.append(reports.map(\.job.lease.id))
        bindings.append(reports.map(\.job.lease.evaluation.rawValue))
        bindings.append(reports.map(\.job.lease.environment))
        bindings.append(reports.map(\.job.position))
        bindings.append(reports.map(\.result.outcome.rawValue))
        bindings.append(reports.map(\.result.score?.nano))
        bindings.append(reports.map(\.result.errorCode))
        bindings.append(reports.map(\.result.errorDetail))
        bindings.append(reports.map(\.result.evidence))
        bindings.append(reports.map { Int32(clamping: $0.duration.milliseconds) })
        bindings.append(reports.map { ($0.result.usage?.promptTokens).map(Int32.init(clamping:)) })
        bindings.append(reports.map { ($0.result.usage?.completionTokens).map(Int32.init(clamping:)) })
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Settlement { try .decode(&row) }
}

/// How to run one environment of an evaluation.
struct DescribeEvaluation: Statement {
    static let sql = """
        SELECT environment, name, kind, base_url, container, lo_nano, hi_nano, timeout_ms, temperature, parameters, task_ids
        FROM affine.describe_evaluation($1)
        """
    var evaluation: EvaluationID

    func bind(_ bindings: inout Bindings) { bindings.append(evaluation) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> EnvironmentOrder {
        let environment: Int16 = try row.next()
        let name: EnvironmentName = try row.next()
        let kind: String = try row.next()
        let baseURL: String? = try row.next()
        let container: String? = try row.next()
        let lo: Int64 = try row.next()
        let hi: Int64 = try row.next()
        let timeout: Int32 = try row.next()
        let temperature: Double = try row.next()
        let parameters: String = try row.next()
        let tasks: [Int64] = try row.next()
        return try EnvironmentOrder(
            environment: environment, name: name, kind: kind, baseURL: baseURL, container: container,
            lo: Score(nano: lo), hi: Score(nano: hi), timeout: .milliseconds(Int64(timeout)), temperature: temperature,
            parameters: parameters, tasks: tasks.map(TaskID.init))
    }
}
