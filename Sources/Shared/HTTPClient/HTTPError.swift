/// Why a request has no answer. A status is not an error: see `HTTPResponse.status`.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// Not an absolute `http` or `https` URL.
        case invalidURL
        /// A method, header, body or socket path that cannot be sent.
        case invalidRequest
        /// No connection within `connectTimeout` or `timeout`, or one that broke before the answer was whole.
        case connectionFailed
        /// The request was under way and its answer not whole within `timeout`.
        case timedOut
        /// The answer passed `maximumResponseBytes`, or its headers passed the client's bound.
        case responseTooLarge
        /// No TLS with the server, or a certificate that is not to be trusted.
        case tlsFailed
        /// The calling task was cancelled.
        case cancelled
        /// What came back is not HTTP, or not in the encoding it claims.
        case protocolError
        /// The client was closed before the answer was whole.
        case clientClosed
    }

    public let code: Code
    /// What was asked and what went wrong: never credentials, a query, headers or a body.
    public let detail: String

    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// Whether the same request may succeed later.
    public var isRetryable: Bool { code == .connectionFailed || code == .timedOut }

    public var description: String { "\(code.rawValue): \(detail)" }
}
