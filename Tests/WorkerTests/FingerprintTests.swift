import Domain
import TestSupport
import Testing

/// Workers measure models for copy checks beside their jobs.
@Suite(.arena, .timeLimit(.minutes(5))) struct FingerprintTests {
    let board = Board()

    /// What the one evaluation said is asked about, for the check of the same model.
    private func ask(_ prompts: Int) async throws {
        try await board.plan()
        try await board.execute(
            """
            INSERT INTO affine.probe SELECT 1, n - 1, 'text ' || n FROM generate_series(1, \(prompts)) n;
            INSERT INTO affine.fingerprint (evaluation, model, revision) SELECT id, model, revision FROM affine.evaluation;
            INSERT INTO affine.copy_check (evaluation, hotkey, model, revision, deadline_at)
            SELECT id, hotkey, model, revision, deadline_at FROM affine.evaluation;
            """)
    }

    @Test("A model is measured by what it holds for likely after each text, in the texts' order, while its jobs go on")
    func measured() async throws {
        let server = endpoint { request in
            guard let prompt = request.json?["prompt"]?.stringValue, let number = prompt.split(separator: " ").last
            else {
                return [completion("no idea")]
            }
            return [
                .answer(body: #"{"choices":[{"logprobs":{"top_logprobs":[{"\u0000":-\#(number),"b":-99}]}}]}"#.utf8)
            ]
        }
        try await ask(30)
        try await withWorker(try settings(server)) { _ in
            try await eventually("the model is measured") {
                try await board.count("SELECT count(*) FROM affine.fingerprint WHERE answers IS NOT NULL") == 1
            }
            try await board.untilFinished(1)
        }
        let answers = try await board.text("SELECT answers FROM affine.fingerprint")
        let tokens = try #require(JSONValue(json: answers.utf8)?.arrayValue).map(\.arrayValue)
        #expect(tokens.map { $0?.first?["logprob"]?.integerValue } == (1...30).map { -$0 })
        #expect(tokens.allSatisfy { $0?.first?["token"] == .string("\u{0}") && $0?.count == 2 })
        #expect(try await board.count("SELECT tries FROM affine.fingerprint") == 1)
    }

    @Test("An endpoint that gives no log-probabilities is asked three times, and its words are kept; its jobs go on")
    func unable() async throws {
        let server = endpoint { request in
            [request.json?["prompt"] == nil ? completion("no idea") : .answer(404, body: "no such route".utf8)]
        }
        try await ask(30)
        try await withWorker(try settings(server)) { _ in
            try await eventually("the third try has failed", within: .seconds(60)) {
                try await board.count("SELECT count(*) FROM affine.fingerprint WHERE tries = 3 AND worker IS NULL") == 1
            }
            try await board.untilFinished(1)
        }
        #expect(try await board.text("SELECT problem FROM affine.fingerprint").contains("no such route"))
        #expect(try await board.count("SELECT count(*) FROM affine.open_fingerprint") == 0)
        // Eight are asked at once, and none after one that failed.
        #expect(server.log.requests.count { $0.line.contains("/v1/completions") } <= 3 * 8)
    }
}
