internal import Domain
internal import HTTPClient

extension ChatFailure {
    /// What a failed exchange means for the conversation.
    init(_ error: HTTPError) {
        let reason: Reason =
            switch error.code {
            case .connectionFailed, .tlsFailed: .unreachable
            case .timedOut: .timedOut
            case .responseTooLarge: .replyTooLarge
            case .protocolError: .malformedReply
            case .cancelled, .clientClosed: .cancelled
            case .invalidURL, .invalidRequest: .invalidRequest
            }
        self.init(reason, error.detail)
    }

    /// What a status other than 200 means; nil for 200.
    init?(refusal response: HTTPResponse, secret: String?) {
        guard response.status != 200 else { return nil }
        let complaint = Complaint(response.body)
        let reason: Reason =
            switch response.status {
            case 429: .rateLimited(retryAfter: response.retryAfter)
            case 502, 503, 504: .overloaded(status: response.status, retryAfter: response.retryAfter)
            case 400 where complaint.isContextOverflow: .contextOverflow
            default: .refused(status: response.status)
            }
        self.init(reason, "status \(response.status): \(complaint.shortened(without: secret))")
    }
}

/// What an engine says when it refuses.
private struct Complaint {
    /// Words of OpenAI, llama.cpp, vLLM and SGLang, in that order; compared in lower case.
    private static let overflowPhrases = [
        "context_length_exceeded", "exceed_context_size", "available context size", "maximum context length",
        "maximum model length", "model's context length",
    ]

    private let message: String
    /// The error's `code` and `type`.
    private let kinds: [String]

    init(_ body: [UInt8]) {
        let plain = String(decoding: body, as: UTF8.self)
        guard let document = JSONValue(json: body) else {
            message = plain
            kinds = []
            return
        }
        // OpenAI nests the error; older vLLM and SGLang do not, and FastAPI says `detail`.
        let error = document["error"] ?? document
        message =
            error["message"]?.stringValue ?? error.stringValue ?? document["message"]?.stringValue
            ?? document["detail"]?.stringValue ?? plain
        kinds = [error["code"], error["type"], document["code"], document["type"]].compactMap { $0?.stringValue }
    }

    var isContextOverflow: Bool {
        (kinds + [message]).contains { text in
            let text = text.lowercased()
            return Self.overflowPhrases.contains { text.contains($0) }
        }
    }

    /// One line; the key goes first, so that no part of it is left by the cut.
    func shortened(without secret: String?) -> String {
        let text = Secrets([secret]).hidden(in: message)
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > 300 ? line.prefix(297) + "..." : line
    }
}
