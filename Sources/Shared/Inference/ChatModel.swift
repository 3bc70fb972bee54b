/// One message of a conversation with a model.
public struct ChatMessage: Hashable, Sendable, Codable {
    /// `system`, `user` or `assistant`.
    public let role: String
    public let content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// What to ask of a model.
public struct ChatRequest: Sendable {
    public var messages: [ChatMessage]
    public var temperature: Double
    /// Passed to the engine; engines that ignore it are allowed.
    public var seed: UInt32
    /// The most tokens the model may generate; nil leaves it to the engine.
    public var maxTokens: Int?
    /// From sending the request to the last byte of the answer.
    public var timeout: Duration

    public init(
        messages: [ChatMessage], temperature: Double = 0, seed: UInt32 = 0, maxTokens: Int? = nil,
        timeout: Duration = .seconds(600)
    ) {
        self.messages = messages
        self.temperature = temperature
        self.seed = seed
        self.maxTokens = maxTokens
        self.timeout = timeout
    }
}

/// Tokens that a model read and wrote, each from 0 to 2³¹ − 1.
public struct TokenUsage: Hashable, Sendable {
    public let promptTokens: Int
    public let completionTokens: Int

    /// Nil for numbers that no model can have meant: what a server says of its tokens is a stranger's word.
    public init?(promptTokens: Int, completionTokens: Int) {
        let counts = 0...Int(Int32.max)
        guard counts.contains(promptTokens), counts.contains(completionTokens) else { return nil }
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
    }
}

/// A model's answer.
public struct ChatReply: Hashable, Sendable {
    public var content: String
    /// `stop`, `length` or what else the engine says.
    public var finishReason: String?
    public var usage: TokenUsage?

    public init(content: String, finishReason: String? = nil, usage: TokenUsage? = nil) {
        self.content = content
        self.finishReason = finishReason
        self.usage = usage
    }
}

/// Why a model gave no answer.
public struct ChatFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// No connection, a connection that broke, or TLS that failed.
        case unreachable
        /// 429; `retryAfter` as the server asked.
        case rateLimited(retryAfter: Duration?)
        /// 502, 503, 504.
        case overloaded(status: Int, retryAfter: Duration?)
        /// 400 with `context_length_exceeded`: the conversation does not fit the model.
        case contextOverflow
        /// Any other status than 200.
        case refused(status: Int)
        /// 200, but not a chat completion; or not HTTP at all.
        case malformedReply
        /// More bytes than the client reads.
        case replyTooLarge
        /// The answer did not end within the request's timeout, though the endpoint had been reached.
        case timedOut
        /// Given up on this side: the calling task was cancelled or the client closed. Says nothing about the model.
        case cancelled
        /// Cannot be sent as asked, so the endpoint has not seen it.
        case invalidRequest
    }

    public let reason: Reason
    /// What the server said, shortened; never a key.
    public let detail: String

    public init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    public var description: String { "\(reason): \(detail)" }

    /// How long the server asked to be left alone, if it did.
    public var retryAfter: Duration? {
        switch reason {
        case .rateLimited(let retryAfter), .overloaded(_, let retryAfter): retryAfter
        default: nil
        }
    }
}

/// Something that answers conversations: an OpenAI-compatible endpoint, or a test's stand-in for one.
public protocol ChatModel: Sendable {
    func complete(_ request: ChatRequest) async throws(ChatFailure) -> ChatReply
}
