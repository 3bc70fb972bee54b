package import EnvironmentCalls

/// What a worker tells the queue about a job.
package struct JobReport: Sendable {
    var job: Job
    var result: JobResult
    var duration: Duration

    package init(job: Job, result: JobResult, duration: Duration) {
        self.job = job
        self.result = result
        self.duration = duration
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
