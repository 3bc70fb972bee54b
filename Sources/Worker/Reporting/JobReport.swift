internal import Domain
package import EnvironmentCalls
internal import Logging

/// What a worker tells the queue about a job.
package struct JobReport: Sendable {
    var job: Job
    var result: JobResult
    var duration: Duration
    /// Nil where none is kept.
    var transcript: Transcript?

    /// - Parameter keepsTranscript: Whether the result's conversation is kept, cut to size; it is dropped otherwise.
    package init(job: Job, result: JobResult, duration: Duration, keepsTranscript: Bool = false) {
        self.job = job
        self.result = result
        self.duration = duration
        transcript = keepsTranscript ? Transcript(result.conversation) : nil
        self.result.conversation = nil
    }

    /// Which attempt it was and how it ended, for the log.
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "evaluation.id": "\(job.lease.evaluation)", "environment.id": "\(job.lease.environment)",
            "job.position": "\(job.position)", "attempt.number": "\(job.lease.attempt)", "lease.id": "\(job.lease.id)",
            "deployment.id": "\(job.lease.deployment)", "attempt.outcome": "\(result.outcome.rawValue)",
            "attempt.ms": "\(duration.milliseconds)",
        ]
        if let code = result.errorCode { metadata["error.code"] = "\(code)" }
        return metadata
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
