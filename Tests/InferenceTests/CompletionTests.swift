import Domain
import FoundationEssentials
import HTTPClient
import Inference
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct CompletionTests {
    @Test func aRequestIsWrittenAsTheProtocolHasIt() async throws {
        let server = endpoint(.answer(body: #"{"choices":[{"message":{"content":"2"}}]}"#.utf8))
        let request = ChatRequest(
            messages: [
                ChatMessage(role: "system", content: "Count."), ChatMessage(role: "user", content: "1 + 1?\n\u{1F642}"),
            ],
            temperature: 0.5, seed: .max, maxTokens: 7)
        _ = try await client(server, apiKey: "key-1").complete(request)
        let received = try #require(server.log.requests.first)
        #expect(received.line == "POST /v1/chat/completions HTTP/1.1")
        #expect(received.header("authorization") == "Bearer key-1")
        #expect(received.header("content-type") == "application/json")
        let body = try JSONDecoder().decode(JSONValue.self, from: Data(received.body))
        #expect(
            body
                == .object([
                    "model": .string("owner/name"), "temperature": .number(0.5), "seed": .integer(4_294_967_295),
                    "max_tokens": .integer(7), "stream": .bool(false),
                    "messages": .array([
                        .object(["role": .string("system"), "content": .string("Count.")]),
                        .object(["role": .string("user"), "content": .string("1 + 1?\n\u{1F642}")]),
                    ]),
                ]))
    }

    @Test func whatIsNotAskedForIsNotSent() async throws {
        let server = endpoint(.answer(body: #"{"choices":[{"message":{"content":"2"}}]}"#.utf8))
        _ = try await client(server, apiKey: "").complete(question())
        let received = try #require(server.log.requests.first)
        #expect(received.header("authorization") == nil)
        let body = try JSONDecoder().decode(JSONValue.self, from: Data(received.body))
        #expect(body["max_tokens"] == nil)
    }

    @Test(arguments: [
        (
            #"{"choices":[{"message":{"content":"2"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            ChatReply(content: "2", finishReason: "stop", usage: TokenUsage(promptTokens: 3, completionTokens: 4))
        ),
        (#"{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}"#, ChatReply(content: "a")),
        (
            #"{"choices":[{"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"}]}"#,
            ChatReply(content: "", finishReason: "tool_calls")
        ),
        (
            #"{"choices":[{"message":{"reasoning_content":"hm"},"finish_reason":"length"}],"usage":null}"#,
            ChatReply(content: "", finishReason: "length")
        ),
        (#"{"choices":[{"message":{"content":"2"}}],"usage":{"prompt_tokens":"many"}}"#, ChatReply(content: "2")),
        (
            #"{"choices":[{"message":{"content":"2"}}],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":1}}"#,
            ChatReply(content: "2")
        ),
        (
            #"{"choices":[{"message":{"content":"2"}}],"usage":{"prompt_tokens":1,"completion_tokens":-1}}"#,
            ChatReply(content: "2")
        ),
        (#"{"choices":[{"message":{"content":"\ud83d\ude42"}}]}"#, ChatReply(content: "\u{1F642}")),
    ])
    func repliesAreRead(body: String, reply: ChatReply) async throws {
        #expect(try await client(endpoint(.answer(body: body.utf8))).complete(question()) == reply)
    }

    @Test(
        "Status 200 without a chat completion is a malformed reply",
        arguments: [
            "", "null", "[]", "{}", "<html></html>", #"{"choices":[]}"#, #"{"choices":[{}]}"#,
            #"{"choices":[{"message":null}]}"#,
            #"{"choices":[{"message":{"content":5}}]}"#, #"{"choices":[{"message":{"content":"cut"#,
            #"{"error":{"message":"overloaded"}}"#, String(repeating: "[", count: 100_000),
        ])
    func otherDocumentsAreMalformed(body: String) async throws {
        #expect(try await client(endpoint(.answer(body: body.utf8))).failure()?.reason == .malformedReply)
    }

    @Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]])
    func invalidUTF8IsMalformed(bytes: [UInt8]) async throws {
        let body = Array(#"{"choices":[{"message":{"content":""#.utf8) + bytes + Array(#""}}]}"#.utf8)
        #expect(try await client(endpoint(.answer(body: body))).failure()?.reason == .malformedReply)
    }

    @Test func aReplyInUTF16IsMalformed() async throws {
        let text = #"{"choices":[{"message":{"content":"2"}}]}"#
        let units = [0xFEFF] + Array(text.utf16)
        let body = units.flatMap { unit -> [UInt8] in [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
        #expect(try await client(endpoint(.answer(body: body))).failure()?.reason == .malformedReply)
    }

    @Test(
        arguments: [
            ("", "m", nil, "base URL"), ("host:8000/v1", "m", nil, "base URL"), ("ftp://host/v1", "m", nil, "base URL"),
            ("http://host/v1?key=hunter2", "m", nil, "base URL"), ("http://host/v1#hunter2", "m", nil, "base URL"),
            ("http://user:hunter2/@host/v1", "m", nil, "base URL"), ("http://host/v1", "", nil, "model"),
            ("http://host/v1", "m", "hunter2\r\nx: y", "API key"),
        ] as [(String, String, String?, String)])
    func settingsThatCannotWorkAreRefusedByName(url: String, model: String, key: String?, field: String) {
        let error = #expect(throws: InvalidValue.self) {
            try OpenAIClient(baseURL: url, model: model, apiKey: key, http: http)
        }
        #expect(error?.field == field)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test(arguments: ["", "/", "//", "/v1", "/v1/"])
    func slashesAtTheEndOfTheBaseDoNotMatter(suffix: String) async throws {
        let server = endpoint(.answer(body: #"{"data":[]}"#.utf8))
        _ = try await OpenAIClient(baseURL: server.url + suffix, model: "m", apiKey: nil, http: http).models()
        let path = suffix.contains("v1") ? "/v1/models" : "/models"
        #expect(server.log.requests.map(\.line) == ["GET \(path) HTTP/1.1"])
    }
}
