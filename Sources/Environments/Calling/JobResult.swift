package import Domain
package import Inference

/// How one try at a task ended.
package struct JobResult: Equatable, Sendable {
    package var outcome: Outcome
    /// Present exactly when the outcome is `scored`.
    package var score: Score?
    /// A short stable word, present unless the outcome is `scored`.
    package var errorCode: String?
    package var errorDetail: String?
    /// Why a fault of the environment can't come from the model, such as `empty_answer`.
    package var evidence: String?
    package var usage: TokenUsage?
    /// The messages that were exchanged with the model, as the environment tells them: an array of objects with `role`
    /// and `content`. Nil where it told none.
    package var conversation: JSONValue?
    /// How long whoever failed asks to be left alone.
    package var retryAfter: Duration?

    package static func scored(_ score: Score, usage: TokenUsage?) -> JobResult {
        JobResult(outcome: .scored, score: score, usage: usage)
    }

    /// - Parameter detail: Of any length and content.
    package static func fault(
        _ outcome: Outcome, _ code: String, _ detail: String, evidence: String? = nil
    ) -> JobResult {
        JobResult(outcome: outcome, errorCode: code, errorDetail: detail.storable(2_000), evidence: evidence)
    }
}

extension JobResult {
    func with(conversation: JSONValue?) -> JobResult {
        var result = self
        result.conversation = conversation
        return result
    }

    /// Without what must not be stored, whoever said it.
    func hiding(_ secrets: Secrets) -> JobResult {
        var result = self
        result.errorDetail = errorDetail.map(secrets.hidden(in:))
        result.conversation = conversation.map(secrets.hidden(in:))
        return result
    }

    /// A score outside its environment's bounds is the environment's fault.
    func checked(against bounds: ScoreBounds) -> JobResult {
        guard let score, !bounds.contains(score) else { return self }
        return .fault(.environmentFault, "score_out_of_bounds", "score \(score) is outside \(bounds)")
            .with(conversation: conversation)
    }
}
