/// The body of `POST /chat/completions`.
struct CompletionRequest: Encodable {
    private enum CodingKeys: String, CodingKey {
        case model, messages, temperature, seed, stream
        case maxTokens = "max_tokens"
    }

    let model: String
    let messages: [ChatMessage]
    let temperature: Double
    let seed: UInt32
    let maxTokens: Int?
    let stream = false

    init(_ request: ChatRequest, model: String) {
        self.model = model
        messages = request.messages
        temperature = request.temperature
        seed = request.seed
        maxTokens = request.maxTokens
    }
}

/// The body of `POST /completions` that asks for one token and for what else might have come.
struct ContinuationRequest: Encodable {
    private enum CodingKeys: String, CodingKey {
        case model, prompt, temperature, logprobs
        case maxTokens = "max_tokens"
    }

    let model: String
    let prompt: String
    let logprobs: Int
    let maxTokens = 1
    let temperature = 0.0
}
