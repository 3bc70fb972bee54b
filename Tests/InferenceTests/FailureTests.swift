import HTTPClient
import Inference
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct FailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        var headers: [String] = []
        var body = ""
        let reason: ChatFailure.Reason

        var testDescription: String { "\(status) \(headers) \(body)" }
    }

    @Test(
        "Every status but 200 has its reason",
        arguments: [
            Case(status: 201, reason: .refused(status: 201)),
            Case(status: 204, reason: .refused(status: 204)),
            Case(status: 302, headers: ["location: /"], reason: .refused(status: 302)),
            Case(status: 400, reason: .refused(status: 400)),
            Case(
                status: 400, body: #"{"error":{"message":"no such sampling parameter","code":400}}"#,
                reason: .refused(status: 400)),
            Case(status: 401, reason: .refused(status: 401)),
            Case(status: 404, body: #"{"detail":"Not Found"}"#, reason: .refused(status: 404)),
            Case(status: 413, body: "maximum context length", reason: .refused(status: 413)),
            Case(status: 429, reason: .rateLimited(retryAfter: nil)),
            Case(status: 429, headers: ["retry-after: 20"], reason: .rateLimited(retryAfter: .seconds(20))),
            Case(
                status: 429,
                headers: ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun, 06 Nov 1994 08:51:37 GMT"],
                reason: .rateLimited(retryAfter: .seconds(120))),
            Case(status: 429, headers: ["retry-after: later"], reason: .rateLimited(retryAfter: nil)),
            Case(status: 500, headers: ["retry-after: 1"], reason: .refused(status: 500)),
            Case(status: 502, reason: .overloaded(status: 502, retryAfter: nil)),
            Case(status: 503, headers: ["retry-after: 0"], reason: .overloaded(status: 503, retryAfter: .zero)),
            Case(status: 504, body: "<html>", reason: .overloaded(status: 504, retryAfter: nil)),
        ])
    func statuses(_ refusal: Case) async throws {
        let server = endpoint(.answer(refusal.status, headers: refusal.headers, body: refusal.body.utf8))
        #expect(try await client(server).failure()?.reason == refusal.reason)
    }

    @Test(
        "A conversation too long is told apart in the words of every engine",
        arguments: [
            #"{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            #"{"error":{"message":"too long","type":"context_length_exceeded","code":400}}"#,
            #"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"invalid_request_error"}}"#,
            #"{"error":{"code":400,"message":"request (9000 tokens) too long","type":"exceed_context_size_error","n_ctx":4096}}"#,
            #"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 9000 tokens","type":"BadRequestError","param":null,"code":400}"#,
            #"{"error":{"message":"The decoder prompt (length 9000) is longer than the maximum model length of 4096.","type":"BadRequestError","code":400}}"#,
            #"{"object":"error","message":"The input (9000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","code":400}"#,
            #"{"object":"error","message":"Requested token count exceeds the model's maximum context length of 4096 tokens.","code":400}"#,
            #"{"error":"the request exceeds the available context size"}"#,
            "This model's maximum context length is 4096 tokens",
        ])
    func contextOverflows(body: String) async throws {
        #expect(try await client(endpoint(.answer(400, body: body.utf8))).failure()?.reason == .contextOverflow)
    }

    @Test func transportFailuresHaveTheirReasons() async throws {
        let gone = try OpenAIClient(
            baseURL: "http://127.0.0.1:\(DeadPort.refusing())/v1", model: "m", apiKey: nil, http: http)
        #expect(await gone.failure()?.reason == .unreachable)
        #expect(try await client(endpoint(.close)).failure()?.reason == .unreachable)
        #expect(try await client(endpoint(.send("garbage\r\n\r\n"), .close)).failure()?.reason == .malformedReply)
        let large = endpoint(.send("HTTP/1.1 200 OK\r\n\r\n"), .sendForever([0x20]))
        #expect(try await client(large, maximumReplyBytes: 1000).failure()?.reason == .replyTooLarge)
        let slow = try await client(endpoint(.hold)).failure(question(timeout: .seconds(2)))
        #expect(slow?.reason == .timedOut)
    }

    @Test func cancellationAndAClosedClientAreNobodysFailure() async throws {
        let server = endpoint(.hold)
        let model = try client(server)
        let cancelled = await withTaskGroup { group in
            group.addTask { await model.failure() }
            await server.until { $0.requests.count == 1 }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(cancelled?.reason == .cancelled)
        await server.until { $0.hangUps == 1 }

        let closed = HTTPClient()
        await closed.close()
        let orphan = try OpenAIClient(baseURL: server.url, model: "m", apiKey: nil, http: closed)
        #expect(await orphan.failure()?.reason == .cancelled)
    }

    @Test func aTemperatureThatJSONCannotHoldIsNotSent() async throws {
        let server = endpoint(.answer())
        #expect(
            try await client(server).failure(ChatRequest(messages: [], temperature: .nan))?.reason == .invalidRequest)
        #expect(server.log.requests.isEmpty)
    }

    @Test("A server that repeats the key does not bring it into the logs, whole or cut")
    func keysAreHidden() async throws {
        let key = "sk-0123456789"
        for padding in [0, 270] {
            let message = String(repeating: "x", count: padding) + " Incorrect API key: \(key)\nTry another"
            let server = endpoint(
                .answer(401, body: #"{"error":{"message":"\#(message.replacing("\n", with: "\\n"))"}}"#.utf8))
            let failure = try #require(await client(server, apiKey: key).failure())
            #expect(!failure.description.contains("sk-0"))
            #expect(failure.detail.count <= 320)
            #expect(failure.detail.hasPrefix("status 401: "))
        }
    }
}
