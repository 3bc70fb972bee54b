/// Why Targon did not do what was asked. Never has the key in it.
package struct TargonError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// No connection, or no whole answer in time: what was asked for may have been done all the same.
        case unreachable
        /// The key is wrong, or may not do this (401, 403).
        case unauthorized
        /// The account has no funds (402).
        case unpaid
        /// There is no such workload (404).
        case missing
        /// It was done before, or can't be done now (409).
        case conflict
        case limited(retryAfter: Duration?)
        /// Targon is at fault (5xx); what was asked for may have been done all the same.
        case unavailable(status: Int)
        case refused(status: Int)
        /// It was answered, but not as Targon does.
        case malformed
        case cancelled
    }

    package let code: Code
    /// What was asked, the answer's own words, and what can be done where that is plain.
    package let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Whether the same may succeed later, with nobody doing anything about it.
    package var isRetryable: Bool {
        switch code {
        case .unreachable, .limited, .unavailable: true
        case .unauthorized, .unpaid, .missing, .conflict, .refused, .malformed, .cancelled: false
        }
    }
}
