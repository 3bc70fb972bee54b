import Domain
import FoundationEssentials
import TestSupport
import Testing

/// What an environment's server answers, and what is to be recorded of it.
private struct Answer: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let step: LoopbackServer.Step
    let outcome: String
    let code: String?
    let score: Int64?

    init(_ description: String, _ step: LoopbackServer.Step, outcome: String, code: String? = nil, score: Int64? = nil)
    {
        testDescription = description
        self.step = step
        self.outcome = outcome
        self.code = code
        self.score = score
    }

    /// Of status 200, with this result.
    init(_ result: String, outcome: String, code: String? = nil, score: Int64? = nil) {
        self.init(
            result, .answer(body: #"{"status":"success","result":\#(result),"error":null}"#.utf8), outcome: outcome,
            code: code,
            score: score)
    }

    static let scored = [
        Answer(#"{"score":0.25}"#, outcome: "scored", score: 250_000_000),
        Answer(#"{"score":1,"success":true}"#, outcome: "scored", score: 1_000_000_000),
        Answer(#"{"score":0,"error":""}"#, outcome: "scored", score: 0),
        Answer(#"{"score":0,"error":null,"extra":{"usage":null}}"#, outcome: "scored", score: 0),
        Answer(#"{"score":0,"extra":{"usage":{"completion_tokens":5}}}"#, outcome: "scored", score: 0),
        Answer(
            #"{"score":0,"extra":{"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":1}}}"#,
            outcome: "scored", score: 0),
        Answer(
            #"{"score":0,"error":"the model gave up","extra":{"valid_for_scoring":true}}"#, outcome: "scored", score: 0),
        Answer(
            "a result without a status", .answer(body: #"{"score":0.5,"task_name":"x"}"#.utf8), outcome: "scored",
            score: 500_000_000),
        Answer(
            "a timeout that the server kept",
            .answer(
                body: #"{"status":"failed","result":{"error":"Method exceeded timeout of 20s"},"error":null}"#.utf8),
            outcome: "model_fault", code: "generation_timeout"),
    ]

    static let faults = [
        Answer(#"{"score":0.5,"error":"grader crashed"}"#, outcome: "environment_fault", code: "evaluation_error"),
        Answer(
            #"{"score":0.5,"error":"x","extra":{"valid_for_scoring":false}}"#, outcome: "environment_fault",
            code: "evaluation_error"),
        Answer(
            #"{"score":0.5,"extra":{"valid_for_scoring":false}}"#, outcome: "environment_fault",
            code: "not_valid_for_scoring"),
        Answer(#"{"success":true}"#, outcome: "environment_fault", code: "score_missing"),
        Answer(#"{"score":null}"#, outcome: "environment_fault", code: "score_missing"),
        Answer(#"{"score":"1"}"#, outcome: "environment_fault", code: "score_missing"),
        Answer(#"{"score":1e300}"#, outcome: "environment_fault", code: "score_missing"),
        Answer(#"{"score":NaN}"#, outcome: "environment_fault", code: "environment_malformed"),
        Answer(#"{"score":1.000000001}"#, outcome: "environment_fault", code: "score_out_of_bounds"),
        Answer(#"{"score":-0.000000001}"#, outcome: "environment_fault", code: "score_out_of_bounds"),
        Answer("null", outcome: "environment_fault", code: "score_missing"),
        Answer(
            "failed for another reason", .answer(body: #"{"status":"failed","result":null,"error":"boom"}"#.utf8),
            outcome: "environment_fault", code: "environment_failed"),
        Answer("an array", .answer(body: "[1]".utf8), outcome: "environment_fault", code: "environment_malformed"),
        Answer("no JSON", .answer(body: "ok".utf8), outcome: "environment_fault", code: "environment_malformed"),
        Answer(
            "404", .answer(404, body: #"{"detail":"Method not found: evaluate"}"#.utf8), outcome: "environment_fault",
            code: "environment_status_404"),
        Answer(
            "422", .answer(422, body: #"{"detail":[]}"#.utf8), outcome: "environment_fault",
            code: "environment_status_422"),
        Answer(
            "500 with a NUL in its text", .answer(500, body: "Traceback\u{0}".utf8), outcome: "environment_fault",
            code: "environment_status_500"),
        Answer(
            "an error with a NUL in it", .answer(body: #"{"status":"failed","error":"a\u0000b"}"#.utf8),
            outcome: "environment_fault", code: "environment_failed"),
        Answer(
            "a redirect", .answer(302, headers: ["location: /x"]), outcome: "environment_fault",
            code: "environment_status_302"),
        Answer("a closed connection", .close, outcome: "environment_fault", code: "environment_connectionFailed"),
    ]
}

@Suite(.arena, .timeLimit(.minutes(10))) struct RemoteEnvironmentTests {
    let board = Board()

    private func play(_ environment: LoopbackServer, attempts: Int, parameters: String = "{}") async throws {
        let model = endpoint { _ in [.answer(500)] }
        try await board.plan(
            .init(
                name: "remote", kind: "url", baseURL: environment.url + "/", maximumAttempts: attempts, tasks: 41...41,
                parameters: parameters))
        try await withWorker(settings(model)) { _ in try await board.untilFinished(1) }
        #expect(model.completions == 0)
        #expect(environment.completions == environment.log.requests.count)
    }

    @Test("What counts is final at the first try", arguments: Answer.scored)
    private func countingAnswers(_ answer: Answer) async throws {
        try await play(LoopbackServer { _ in [answer.step] }, attempts: 2)
        #expect(
            try await board.attempts() == [
                .init(
                    position: 0, attempt: 1, isFinal: true, outcome: answer.outcome, score: answer.score,
                    code: answer.code)
            ])
        // Tokens that nobody counted were not zero.
        #expect(
            try await board.count("SELECT count(prompt_tokens) + count(completion_tokens) FROM affine.attempt") == 0)
    }

    @Test("What does not count is tried again within the budget", arguments: Answer.faults)
    private func faultyAnswers(_ answer: Answer) async throws {
        try await play(LoopbackServer { _ in [answer.step] }, attempts: 2)
        let attempts = try await board.attempts()
        #expect(attempts.map(\.attempt) == [1, 2])
        #expect(attempts.map(\.isFinal) == [false, true])
        #expect(attempts.allSatisfy { $0.outcome == answer.outcome && $0.code == answer.code && $0.score == nil })
    }

    @Test("The server is asked as the protocol has it, with the environment's parameters")
    func theCall() async throws {
        let server = LoopbackServer { _ in [.answer(body: #"{"score":1}"#.utf8)] }
        try await play(server, attempts: 1, parameters: #"{"difficulty": 3, "task_type": "abd", "task_id": 9}"#)
        let request = try #require(server.log.requests.first)
        #expect(request.line == "POST /call HTTP/1.1")
        #expect(request.header("content-type") == "application/json")
        let call = try JSONDecoder().decode(JSONValue.self, from: Data(request.body))
        #expect(call["method"] == .string("evaluate"))
        #expect(call["args"] == .array([]))
        let arguments = try #require(call["kwargs"])
        #expect(arguments["task_id"] == .integer(41))
        // The first 8 bytes of SHA-256("remote:41"), modulo 2³².
        #expect(arguments["seed"] == .integer(1_492_633_893))
        #expect(arguments["model"] == .string(Board.repository))
        #expect(arguments["base_url"]?.stringValue?.hasSuffix("/v1") == true)
        #expect(arguments["api_key"] == .string("key-1"))
        #expect(arguments["temperature"] == .integer(0))
        #expect(arguments["timeout"] == .integer(20))
        #expect(arguments["difficulty"] == .integer(3))
        #expect(arguments["task_type"] == .string("abd"))
    }
}
