package import Domain
package import Postgres

package import struct FoundationEssentials.UUID

/// Row: what to measure; none where nothing is wanted of the models that are served here.
package struct ClaimFingerprint: Statement {
    package struct Order: Sendable {
        package var fingerprint: Int64
        package var deployment: DeploymentID
        /// Texts after which the next token is asked for.
        package var prompts: [String]
    }

    package static let sql = "SELECT fingerprint, deployment, prompts FROM affine.claim_fingerprint($1, $2)"
    var worker: UUID
    var deployments: [DeploymentID]

    package init(worker: UUID, deployments: [DeploymentID]) {
        self.worker = worker
        self.deployments = deployments
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(deployments)
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Order {
        try Order(fingerprint: row.next(), deployment: row.next(), prompts: row.next())
    }
}

/// Row: whether it was still the worker's to measure.
package struct ReportFingerprint: Statement {
    package static let sql = "SELECT affine.report_fingerprint($1, $2, $3, $4)"
    var worker: UUID
    var fingerprint: Int64
    /// JSON; nil where the model could not be measured.
    var answers: String?
    var problem: String

    package init(worker: UUID, fingerprint: Int64, answers: String?, problem: String) {
        self.worker = worker
        self.fingerprint = fingerprint
        self.answers = answers
        self.problem = problem.storable(2_000)
    }

    package func bind(_ bindings: inout Bindings) {
        bindings.append(worker)
        bindings.append(fingerprint)
        bindings.append(answers)
        bindings.append(problem)
    }

    package static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}
