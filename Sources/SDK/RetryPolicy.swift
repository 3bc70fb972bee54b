internal import Domain

/// How often a task is tried, and how long to wait in between.
///
/// Only what is nobody's doing is tried again: `infra_fault` and `environment_fault`. A score and a model's own fault are
/// final at the first attempt.
public struct RetryPolicy: Hashable, Sendable {
    /// At a task, the first one included: 1 or more.
    public var attempts: Int
    /// Before the second attempt; doubled before each further one.
    public var delay: Duration
    /// The most to wait, also where a server asks for more by `Retry-After`.
    public var maximumDelay: Duration

    public init(attempts: Int = 3, delay: Duration = .seconds(1), maximumDelay: Duration = .seconds(60)) {
        precondition(attempts >= 1, "a task has at least one attempt, not \(attempts)")
        self.attempts = attempts
        self.delay = delay
        self.maximumDelay = maximumDelay
    }

    /// How long to wait after the attempt with this number before the next one; nil when there is none.
    func wait(after attempt: Int, outcome: Outcome, retryAfter: Duration?) -> Duration? {
        guard attempt < attempts, outcome == .infraFault || outcome == .environmentFault else { return nil }
        let doubled = delay * (1 << min(attempt - 1, 30))
        return min(max(doubled, retryAfter ?? .zero), maximumDelay)
    }
}
