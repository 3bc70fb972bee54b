import Domain
import HTTPClient
import Inference
import TestSupport

let http = HTTPClient()

/// An endpoint whose every answer is these steps.
func endpoint(_ steps: LoopbackServer.Step...) -> LoopbackServer {
    LoopbackServer { _ in steps }
}

func question(timeout: Duration = .seconds(30)) -> ChatRequest {
    ChatRequest(messages: [ChatMessage(role: "user", content: "1 + 1?")], timeout: timeout)
}

func client(
    _ server: LoopbackServer, model: String = "owner/name", apiKey: String? = nil, maximumReplyBytes: Int = 1 << 20
) throws -> ServedClient {
    let client = try OpenAIClient(
        baseURL: server.url + "/v1/", model: model, apiKey: apiKey, http: http, maximumReplyBytes: maximumReplyBytes)
    return ServedClient(client: client, server: server)
}

/// A client that keeps its endpoint alive through its calls.
struct ServedClient: Sendable {
    let client: OpenAIClient
    let server: LoopbackServer

    func complete(_ request: ChatRequest) async throws -> ChatReply {
        defer { withExtendedLifetime(server) {} }
        return try await client.complete(request)
    }

    func failure(_ request: ChatRequest = question()) async -> ChatFailure? {
        defer { withExtendedLifetime(server) {} }
        return await client.failure(request)
    }

    func nextTokens(after prompt: String) async throws -> [TokenLikelihood] {
        defer { withExtendedLifetime(server) {} }
        return try await client.nextTokens(after: prompt)
    }

    func models() async throws -> [String] {
        defer { withExtendedLifetime(server) {} }
        return try await client.models()
    }

    func serves(timeout: Duration = .seconds(10)) async -> Serving {
        defer { withExtendedLifetime(server) {} }
        return await client.serves(timeout: timeout)
    }
}

extension OpenAIClient {
    func failure(_ request: ChatRequest = question()) async -> ChatFailure? {
        do throws(ChatFailure) {
            _ = try await complete(request)
            return nil
        } catch {
            return error
        }
    }
}
