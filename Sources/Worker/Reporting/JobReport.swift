package import Domain
package import Inference

/// How one try at a job ended.
package struct JobResult: Equatable, Sendable {
    var outcome: Outcome
    /// Present exactly when the outcome is `scored`.
    var score: Score?
    /// A short stable word, present unless the outcome is `scored`.
    var errorCode: String?
    var errorDetail: String?
    /// Why a fault of the environment can't come from the model, such as `empty_answer`.
    var evidence: String?
    var usage: TokenUsage?

    package static func scored(_ score: Score, usage: TokenUsage?) -> JobResult {
        JobResult(outcome: .scored, score: score, usage: usage)
    }

    /// - Parameter detail: Of any length and content; Postgres can't store U+0000, which someone else's text may hold.
    static func fault(_ outcome: Outcome, _ code: String, _ detail: String, evidence: String? = nil) -> JobResult {
        let text = String(detail.unicodeScalars.prefix(2_000).filter { $0 != "\0" }.map(Character.init))
        return JobResult(outcome: outcome, errorCode: code, errorDetail: text, evidence: evidence)
    }
}

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
