internal import Domain
internal import FoundationEssentials
internal import HTTPClient

/// Reads answers of status 200.
enum ReplyReader {
    static func completion(_ response: HTTPResponse) throws(ChatFailure) -> ChatReply {
        let reply = try decode(CompletionReply.self, from: response, what: "a chat completion")
        guard let choice = reply.choices.first else {
            throw ChatFailure(.malformedReply, "the answer has no choices")
        }
        return ChatReply(
            content: choice.message.content ?? "", finishReason: choice.finishReason, usage: reply.usage?.tokens)
    }

    static func nextTokens(_ response: HTTPResponse) throws(ChatFailure) -> [TokenLikelihood] {
        let reply = try decode(ContinuationReply.self, from: response, what: "a completion with log-probabilities")
        guard let tokens = reply.choices.first?.logprobs?.tokens.filter(\.logprob.isFinite), !tokens.isEmpty else {
            throw ChatFailure(.malformedReply, "the answer has no log-probabilities")
        }
        return tokens
    }

    static func models(_ response: HTTPResponse) throws(ChatFailure) -> [String] {
        try decode(ModelList.self, from: response, what: "a list of models").data.map(\.id)
    }

    private static func decode<Reply: Decodable>(
        _ type: Reply.Type, from response: HTTPResponse, what: String
    ) throws(ChatFailure) -> Reply {
        // The decoder would guess at other encodings.
        guard String(validating: response.body, as: UTF8.self) != nil else {
            throw ChatFailure(.malformedReply, "the answer is not UTF-8")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(response.body))
        } catch {
            throw ChatFailure(.malformedReply, "the answer is not \(what)")
        }
    }
}

private struct ModelList: Decodable {
    struct Model: Decodable {
        let id: String
    }

    let data: [Model]
}

private struct CompletionReply: Decodable {
    private enum CodingKeys: String, CodingKey {
        case choices, usage
    }

    struct Choice: Decodable {
        private enum CodingKeys: String, CodingKey {
            case message
            case finishReason = "finish_reason"
        }

        let message: Message
        let finishReason: String?
    }

    struct Message: Decodable {
        /// Null beside tool calls, and beside reasoning that ran out of tokens.
        let content: String?
    }

    struct Usage: Decodable {
        private enum CodingKeys: String, CodingKey {
            case promptTokens = "prompt_tokens"
            case completionTokens = "completion_tokens"
        }

        let promptTokens: Int
        let completionTokens: Int

        var tokens: TokenUsage? { TokenUsage(promptTokens: promptTokens, completionTokens: completionTokens) }
    }

    let choices: [Choice]
    /// Nil also when it is not as the protocol has it: an answer is not lost for its bookkeeping.
    let usage: Usage?

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        choices = try container.decode([Choice].self, forKey: .choices)
        usage = try? container.decode(Usage.self, forKey: .usage)
    }
}

private struct ContinuationReply: Decodable {
    /// Of the first token, in either of two dialects: vLLM and SGLang write a dictionary, llama.cpp a list.
    struct Logprobs: Decodable {
        private enum CodingKeys: String, CodingKey {
            case content
            case topLogprobs = "top_logprobs"
        }

        struct Position: Decodable {
            private enum CodingKeys: String, CodingKey {
                case topLogprobs = "top_logprobs"
            }

            let topLogprobs: [TokenLikelihood]
        }

        let tokens: [TokenLikelihood]

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            if let list = try container.decodeIfPresent([Position].self, forKey: .content) {
                tokens = list.first?.topLogprobs ?? []
            } else {
                let dictionaries = try container.decode([[String: Double]].self, forKey: .topLogprobs)
                tokens = (dictionaries.first ?? [:]).map(TokenLikelihood.init)
                    .sorted { ($1.logprob, $0.token) < ($0.logprob, $1.token) }
            }
        }
    }

    struct Choice: Decodable {
        let logprobs: Logprobs?
    }

    let choices: [Choice]
}
