import Domain
import TestSupport
import Testing

/// What an endpoint does, and what is to be recorded of it.
private struct Behaviour: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let steps: [LoopbackServer.Step]
    let outcome: String
    var code: String?
    var score: Int64?
    var timeout: Duration = .seconds(20)

    init(
        _ description: String, _ steps: LoopbackServer.Step..., outcome: String, code: String? = nil,
        score: Int64? = nil,
        timeout: Duration = .seconds(20)
    ) {
        testDescription = description
        self.steps = steps
        self.outcome = outcome
        self.code = code
        self.score = score
        self.timeout = timeout
    }

    /// The model did answer: its answer is final, whatever it is worth.
    static let answers = [
        Behaviour("garbage text", completion("%$# no idea"), outcome: "scored", score: 0),
        Behaviour("an empty answer", completion(""), outcome: "scored", score: 0),
        Behaviour(
            "10 MB of text", completion(String(repeating: "word ", count: 2_000_000)), outcome: "model_fault",
            code: "reply_too_large"),
        Behaviour(
            "JSON that is no completion", .answer(body: #"{"ok":true}"#.utf8), outcome: "model_fault",
            code: "malformed_reply"),
        Behaviour(
            "a completion without choices", .answer(body: #"{"choices":[]}"#.utf8), outcome: "model_fault",
            code: "malformed_reply"),
        Behaviour("HTML", .answer(body: "<html>hello</html>".utf8), outcome: "model_fault", code: "malformed_reply"),
        Behaviour(
            "bytes that are no text", .answer(body: [0xFF, 0xFE, 0]), outcome: "model_fault", code: "malformed_reply"),
        Behaviour(
            "context overflow",
            .answer(400, body: #"{"error":{"code":"context_length_exceeded","message":"too long"}}"#.utf8),
            outcome: "model_fault", code: "context_overflow"),
        Behaviour(
            "no answer in time", .hold, outcome: "model_fault", code: "generation_timeout", timeout: .milliseconds(300)),
        Behaviour(
            "an answer that does not end", .send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"), .hold,
            outcome: "model_fault", code: "generation_timeout", timeout: .milliseconds(300)),
    ]

    /// Nobody knows what the model would have said: tried again within the budget.
    static let failures = [
        Behaviour(
            "429", .answer(429, headers: ["retry-after: 1"], body: "slow down".utf8), outcome: "infra_fault",
            code: "endpoint_rate_limited"),
        Behaviour("503", .answer(503, body: "loading".utf8), outcome: "infra_fault", code: "endpoint_overloaded"),
        Behaviour(
            "500", .answer(500, body: "out of memory".utf8), outcome: "infra_fault", code: "endpoint_refused_500"),
        Behaviour(
            "404", .answer(404, body: "no such model".utf8), outcome: "infra_fault", code: "endpoint_refused_404"),
        Behaviour(
            "400 for another reason", .answer(400, body: #"{"error":{"message":"bad seed"}}"#.utf8),
            outcome: "infra_fault",
            code: "endpoint_refused_400"),
        Behaviour("closes before it answers", .close, outcome: "infra_fault", code: "endpoint_unreachable"),
        Behaviour(
            "closes in the middle", .send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"), .close,
            outcome: "infra_fault", code: "endpoint_unreachable"),
        Behaviour("resets the connection", .reset, outcome: "infra_fault", code: "endpoint_unreachable"),
        Behaviour(
            "an error text with a NUL", .answer(500, body: "a\u{0}b".utf8), outcome: "infra_fault",
            code: "endpoint_refused_500"),
    ]
}

@Suite(.arena, .timeLimit(.minutes(10))) struct EndpointOutcomeTests {
    let board = Board()

    @Test("A right answer is scored by running it")
    func rightAnswerScores() async throws {
        let answer = try rightAnswer()
        let server = endpoint { _ in [completion(answer)] }
        try await board.plan()
        try await withWorker(settings(server)) { _ in try await board.untilFinished(1) }
        #expect(
            try await board.attempts() == [
                .init(position: 0, attempt: 1, isFinal: true, outcome: "scored", score: 1_000_000_000)
            ])
        #expect(try await board.count("SELECT prompt_tokens * 100 + completion_tokens FROM affine.attempt") == 703)
        #expect(server.log.requests.allSatisfy { $0.header("authorization") == "Bearer key-1" })
    }

    @Test("What the model answered is final at the first try", arguments: Behaviour.answers)
    private func answersAreFinal(_ behaviour: Behaviour) async throws {
        let server = endpoint { _ in behaviour.steps }
        try await board.plan(.init(timeout: behaviour.timeout))
        try await withWorker(settings(server)) { _ in try await board.untilFinished(1) }
        let attempts = try await board.attempts()
        #expect(
            attempts == [
                .init(
                    position: 0, attempt: 1, isFinal: true, outcome: behaviour.outcome, score: behaviour.score,
                    code: behaviour.code)
            ])
    }

    @Test("What is nobody's fault is tried again until the budget is spent, and no more", arguments: Behaviour.failures)
    private func failuresSpendTheBudget(_ behaviour: Behaviour) async throws {
        let server = endpoint { _ in behaviour.steps }
        try await board.plan(.init(timeout: behaviour.timeout, maximumAttempts: 2))
        try await withWorker(settings(server)) { _ in try await board.untilFinished(1) }
        let expected = [Int16(1), 2].map { number in
            Board.Attempt(
                position: 0, attempt: number, isFinal: number == 2, outcome: behaviour.outcome, score: nil,
                code: behaviour.code)
        }
        let attempts = try await board.attempts()
        #expect(attempts == expected)
        #expect(try await board.ready().isEmpty)
        #expect(try await board.count("SELECT count(*) FROM affine.lease") == 0)
    }
}
