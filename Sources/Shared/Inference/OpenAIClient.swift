public import Domain
internal import FoundationEssentials
public import HTTPClient

/// An endpoint that speaks the OpenAI chat protocol: SGLang, vLLM, llama.cpp or a hosted one.
public struct OpenAIClient: ChatModel {
    /// The id by which the endpoint knows the model, for engines of ours its repository.
    public let model: String
    private let chatURL: String
    private let completionsURL: String
    private let modelsURL: String
    private let apiKey: String?
    private let http: HTTPClient
    private let maximumReplyBytes: Int

    /// - Parameters:
    ///   - baseURL: as the operator writes it, including `/v1`; a trailing slash does not matter, and `user:password@`
    ///     is sent as Basic authorisation when there is no key.
    ///   - apiKey: sent as a bearer token; nil or empty sends none.
    ///   - maximumReplyBytes: counted after decompression.
    /// - Throws: `InvalidValue` naming `base URL`, `model` or `API key`; never with a password or key in it.
    public init(
        baseURL: String, model: String, apiKey: String?, http: HTTPClient, maximumReplyBytes: Int = 8 << 20
    ) throws(InvalidValue) {
        let base = try Self.normalised(baseURL)
        guard !model.isEmpty else {
            throw InvalidValue(field: "model", value: model, expected: "the id that the endpoint lists")
        }
        if let apiKey, !apiKey.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw InvalidValue(field: "API key", value: "(hidden)", expected: "printable ASCII without blanks")
        }
        self.model = model
        chatURL = base + "/chat/completions"
        completionsURL = base + "/completions"
        modelsURL = base + "/models"
        self.apiKey = apiKey?.isEmpty == true ? nil : apiKey
        self.http = http
        self.maximumReplyBytes = maximumReplyBytes
    }

    public func complete(_ request: ChatRequest) async throws(ChatFailure) -> ChatReply {
        let body = CompletionRequest(request, model: model)
        return try ReplyReader.completion(await post(body, to: chatURL, timeout: request.timeout))
    }

    /// What the model holds for likely to come next after a text, as it stands: without a chat template.
    ///
    /// - Parameter count: How many tokens are wanted; engines give five at most without being told otherwise.
    /// - Returns: At least one token, in the engine's order.
    public func nextTokens(
        after prompt: String, count: Int = 5, timeout: Duration = .seconds(60)
    ) async throws(ChatFailure) -> [TokenLikelihood] {
        let body = ContinuationRequest(model: model, prompt: prompt, logprobs: count)
        return try ReplyReader.nextTokens(await post(body, to: completionsURL, timeout: timeout))
    }

    /// The ids of the models that the endpoint serves.
    public func models(timeout: Duration = .seconds(10)) async throws(ChatFailure) -> [String] {
        try ReplyReader.models(await send(HTTPRequest(url: modelsURL, timeout: timeout)))
    }

    /// Whether the endpoint serves the wanted model now, and if not, why not.
    public func serves(timeout: Duration = .seconds(10)) async -> Serving {
        do throws(ChatFailure) {
            let models = try await models(timeout: timeout)
            return models.contains(model) ? .wantedModel : .otherModels(models)
        } catch {
            return .unanswered(error)
        }
    }

    private func post(
        _ document: some Encodable, to url: String, timeout: Duration
    ) async throws(ChatFailure) -> HTTPResponse {
        let body: Data
        do {
            body = try JSONEncoder().encode(document)
        } catch {
            throw ChatFailure(.invalidRequest, "the request cannot be written as JSON")
        }
        return try await send(
            HTTPRequest(
                method: "POST", url: url, headers: [("content-type", "application/json")], body: [UInt8](body),
                timeout: timeout))
    }

    /// Sends with what all calls have in common; returns only answers of status 200.
    private func send(_ request: HTTPRequest) async throws(ChatFailure) -> HTTPResponse {
        var request = request
        request.maximumResponseBytes = maximumReplyBytes
        if let apiKey { request.headers.append(("authorization", "Bearer \(apiKey)")) }
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw ChatFailure(error)
        }
        if let failure = ChatFailure(refusal: response, secret: apiKey) { throw failure }
        return response
    }

    private static func normalised(_ text: String) throws(InvalidValue) -> String {
        let expected = "an http or https URL such as http://host:8000/v1, without query and fragment"
        let url = try? EndpointURL(text)
        guard let url, !url.hasQueryOrFragment else {
            let shown = url?.description ?? EndpointURL.redacted(malformed: text)
            throw InvalidValue(field: "base URL", value: shown, expected: expected)
        }
        let end = text.lastIndex { $0 != "/" } ?? text.startIndex
        return String(text[...end])
    }
}

/// What an endpoint says of the model it should serve.
public enum Serving: Hashable, Sendable {
    case wantedModel
    /// The endpoint is up, but these are all it lists.
    case otherModels([String])
    case unanswered(ChatFailure)
}
