internal import Domain
package import Inference

extension JobResult {
    /// Whose fault it is that a model gave no answer. What the model itself brings about is final and counts as the
    /// lowest score; what infrastructure brings about is tried again.
    init(_ failure: ChatFailure) {
        let (outcome, code): (Outcome, String) =
            switch failure.reason {
            case .timedOut: (.modelFault, "generation_timeout")
            case .contextOverflow: (.modelFault, "context_overflow")
            case .malformedReply: (.modelFault, "malformed_reply")
            case .replyTooLarge: (.modelFault, "reply_too_large")
            case .unreachable: (.infraFault, "endpoint_unreachable")
            case .rateLimited: (.infraFault, "endpoint_rate_limited")
            case .overloaded: (.infraFault, "endpoint_overloaded")
            case .refused(let status): (.infraFault, "endpoint_refused_\(status)")
            case .invalidRequest: (.infraFault, "request_not_sent")
            case .cancelled: (.cancelled, "cancelled")
            }
        self = .fault(outcome, code, failure.detail)
        retryAfter = failure.retryAfter
    }
}

extension ChatFailure {
    /// Whether the endpoint should be left alone until it answers again. One that is asked too much is asked less.
    package var callsForRest: Bool {
        switch reason {
        case .unreachable, .refused: true
        default: false
        }
    }
}
