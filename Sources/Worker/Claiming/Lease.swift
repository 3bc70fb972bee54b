package import Domain

package import struct FoundationEssentials.UUID

/// The right to report on jobs of one environment, until it is taken away. Only whoever names its id may report.
package struct Lease: Hashable, Sendable {
    package let id: UUID
    package let deployment: DeploymentID
    package let evaluation: EvaluationID
    /// The environment's row number.
    package let environment: Int16
    package let attempt: Int16
    /// Positions of the evaluation's jobs, in order.
    package let runs: [ClosedRange<Int32>]
    /// The lowest pass among them: virtual time, of which a run of an evaluation of weight 1 takes 2^20.
    package let pass: Int64

    package init(
        id: UUID, deployment: DeploymentID, evaluation: EvaluationID, environment: Int16, attempt: Int16,
        runs: [ClosedRange<Int32>], pass: Int64
    ) {
        self.id = id
        self.deployment = deployment
        self.evaluation = evaluation
        self.environment = environment
        self.attempt = attempt
        self.runs = runs
        self.pass = pass
    }

    /// The jobs that the lease covers, in order.
    package var jobs: [Job] {
        runs.joined().map { Job(lease: self, position: $0) }
    }
}

/// One (evaluation, environment, task), held under a lease.
package struct Job: Hashable, Sendable {
    package let lease: Lease
    package let position: Int32
}
