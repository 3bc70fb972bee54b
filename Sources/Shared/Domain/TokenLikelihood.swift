/// A token that a model may say next, and how likely it holds it.
public struct TokenLikelihood: Hashable, Sendable, Codable {
    /// As the engine writes it.
    public let token: String
    /// The natural logarithm of its probability: 0 or less.
    public let logprob: Double

    public init(token: String, logprob: Double) {
        self.token = token
        self.logprob = logprob
    }
}
