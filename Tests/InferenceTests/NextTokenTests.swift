import Domain
import FoundationEssentials
import HTTPClient
import Inference
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct NextTokenTests {
    @Test("One token is asked for after the text as it stands, with what else might have come")
    func request() async throws {
        let server = endpoint(.answer(body: #"{"choices":[{"logprobs":{"top_logprobs":[{" a":-0.5}]}}]}"#.utf8))
        _ = try await client(server, apiKey: "key-1").nextTokens(after: "user: 1\nassistant: one")
        let received = try #require(server.log.requests.first)
        #expect(received.line == "POST /v1/completions HTTP/1.1")
        #expect(received.header("authorization") == "Bearer key-1")
        #expect(
            try JSONDecoder().decode(JSONValue.self, from: Data(received.body))
                == .object([
                    "model": .string("owner/name"), "prompt": .string("user: 1\nassistant: one"),
                    "temperature": .integer(0), "max_tokens": .integer(1), "logprobs": .integer(5),
                ]))
    }

    @Test(
        "Both dialects of engines are read: a dictionary, and a list",
        arguments: [
            #"{"choices":[{"text":" a","logprobs":{"tokens":[" a"],"top_logprobs":[{" b":-1.5," a":-0.25}]}}]}"#,
            #"""
            {"choices":[{"logprobs":{"content":[{"token":" a","logprob":-0.25,"bytes":[32,97],"top_logprobs":[
             {"id":1,"token":" a","logprob":-0.25},{"id":2,"token":" b","logprob":-1.5}]}]}}]}
            """#,
        ])
    func dialects(body: String) async throws {
        let server = endpoint(.answer(body: body.utf8))
        try await #expect(
            client(server, apiKey: nil).nextTokens(after: "x")
                == [TokenLikelihood(token: " a", logprob: -0.25), TokenLikelihood(token: " b", logprob: -1.5)])
    }

    @Test(
        "An answer without log-probabilities is a failure that says so",
        arguments: [
            #"{"choices":[]}"#, #"{"choices":[{"text":" a","logprobs":null}]}"#, #"{"choices":[{"text":" a"}]}"#,
            #"{"choices":[{"logprobs":{"top_logprobs":[]}}]}"#, #"{"choices":[{"logprobs":{"content":[]}}]}"#,
            #"{"choices":[{"logprobs":{"top_logprobs":[{}]}}]}"#, #"{"choices":[{"logprobs":{"top_logprobs":7}}]}"#,
        ])
    func refused(body: String) async throws {
        let server = endpoint(.answer(body: body.utf8))
        let failure = await #expect(throws: ChatFailure.self) {
            _ = try await client(server, apiKey: nil).nextTokens(after: "x")
        }
        #expect(failure?.reason == .malformedReply && failure?.detail.contains("log-probabilities") == true)
    }
}
