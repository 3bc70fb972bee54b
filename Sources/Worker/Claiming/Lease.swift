public import Domain

public import struct FoundationEssentials.UUID

/// The right to report on a run of jobs, until it is taken away. Only whoever names its id may report.
public struct Lease: Hashable, Sendable {
    public let id: UUID
    public let deployment: DeploymentID
    public let evaluation: EvaluationID
    /// The environment's row number.
    public let environment: Int16
    public let attempt: Int16
    public let fromPosition: Int32
    /// The tasks at `fromPosition`, `fromPosition + 1` …
    public let tasks: [TaskID]
    public let pass: Int64

    /// The jobs that the lease covers, in order.
    public var jobs: [Job] {
        tasks.enumerated().map { Job(lease: self, position: fromPosition + Int32($0.offset), task: $0.element) }
    }
}

/// One (evaluation, environment, task), held under a lease.
public struct Job: Hashable, Sendable {
    public let lease: Lease
    public let position: Int32
    public let task: TaskID
}
