import Domain
import Postgres
import TestSupport
import Testing
import Worker

@Suite struct TranscriptTests {
    private func message(_ role: String, _ content: String) -> JSONValue {
        .object(["role": .string(role), "content": .string(content)])
    }

    @Test("A short conversation is kept as it is, whatever its shape; none is kept of none")
    func whole() throws {
        let transcript = try #require(Transcript(.array([message("user", "a\u{0}b"), .string("odd"), .null])))
        #expect(transcript.messages == [#"{"content":"a\u0000b","role":"user"}"#, #""odd""#, "null"])
        #expect(!transcript.isCut && transcript.bytes == transcript.messages.reduce(0) { $0 + $1.utf8.count })
        #expect(Transcript(.string("no array"))?.messages == [#""no array""#])
        #expect(Transcript(.array([]))?.messages == [])
        #expect(Transcript(nil) == nil && Transcript(.null) == nil)
    }

    @Test("A message that is too long keeps its beginning and its end", arguments: ["x", "é", "\u{1}"])
    func longMessage(letter: String) throws {
        let text = "begin" + String(repeating: letter, count: 1_000_000) + "end"
        let transcript = try #require(Transcript(.array([message("assistant", text)])))
        let kept = try #require(transcript.messages.first)
        #expect(transcript.isCut && transcript.bytes > 1_000_000)
        #expect(kept.utf8.count < 6 * Transcript.maximumMessageBytes + 200)
        #expect(kept.hasPrefix(#"{"content":"begin"#) && kept.hasSuffix(#"end","role":"assistant"}"#))
        let tools = JSONValue.object([
            "role": .string("tool"), "calls": .array(Array(repeating: .string(text), count: 3)),
        ])
        let cut = try #require(Transcript(.array([tools]))?.messages.first)
        #expect(JSONValue(json: cut.utf8)?["role"] == .string("tool"))
        #expect(cut.utf8.count < 6 * Transcript.maximumMessageBytes + 200)
    }

    @Test(
        "Of very many messages the first and the last are kept, with a mark between them",
        arguments: [(5_000, 10), (300, 20_000)])
    func manyMessages(count: Int, size: Int) throws {
        let messages = (0..<count).map { message("user", "\($0) " + String(repeating: "x", count: size)) }
        let transcript = try #require(Transcript(.array(messages)))
        #expect(transcript.isCut && transcript.messages.count <= Transcript.maximumMessages)
        #expect(transcript.messages.reduce(0) { $0 + $1.utf8.count } < Transcript.maximumBytes + 100)
        #expect(transcript.messages.first?.contains(#""0 x"#) == true)
        #expect(transcript.messages.last?.contains("\"\(count - 1) x") == true)
        let left = count - transcript.messages.count + 1
        #expect(transcript.messages.count { $0 == #"{"content":"\#(left) messages are not kept","role":"cut"}"# } == 1)
    }
}

@Suite(.arena, .timeLimit(.minutes(5))) struct TranscriptKeepingTests {
    let board = Board()

    @Test(
        "Conversations are kept beside their results, and messages that are said twice once"
    )
    func kept() async throws {
        let server = endpoint { _ in [completion("no idea")] }
        try await board.plan(.init(tasks: 1...3))
        try await withWorker(try settings(server)) { _ in try await board.untilFinished(3) }
        let joined = "FROM affine.attempt a JOIN affine.transcript t USING (evaluation, environment, position, lease)"
        #expect(try await board.count("SELECT count(*) \(joined) WHERE NOT t.is_cut AND t.bytes > 0") == 3)
        let said = try await board.count("SELECT sum(cardinality(messages)) FROM affine.transcript")
        let stored = try await board.count("SELECT count(*) FROM affine.message")
        // The few-shot turns and the answer are the same every time; the last question never is.
        #expect(stored == said / 3 + 2)
        let last = "m.digest = t.messages[cardinality(t.messages)]"
        #expect(
            try await board.count(
                "SELECT count(*) FROM affine.transcript t JOIN affine.message m ON \(last) WHERE m.content LIKE '%no idea%'"
            )
                == 3)
    }

    @Test("A worker that is to keep no transcripts keeps none")
    func notKept() async throws {
        var quiet = try settings(endpoint { _ in [completion("no idea")] })
        quiet.settings.keepsTranscripts = false
        try await board.plan()
        try await withWorker(quiet) { _ in try await board.untilFinished(1) }
        #expect(try await board.count("SELECT count(*) FROM affine.transcript") == 0)
    }

    @Test("Nothing is kept of a job that the worker does not hold")
    func fenced() async throws {
        let server = endpoint { _ in [.hold] }
        try await board.plan()
        try await withWorker(try settings(server, grace: .milliseconds(1))) { worker in
            try await eventually("a job is held") { try await board.count("SELECT count(*) FROM affine.lease") == 1 }
            func keep(worker: String, lease: String, position: Int) -> String {
                "SELECT affine.keep_transcripts(\(worker), ARRAY['{}'], ARRAY[\(lease)], ARRAY[\(position)], ARRAY[2::int8], ARRAY[false], ARRAY[1], ARRAY[1])"
            }
            let (holder, lease) = ("(SELECT worker FROM affine.lease)", "(SELECT id FROM affine.lease)")
            for refused in [
                keep(worker: "gen_random_uuid()", lease: lease, position: 0),
                keep(worker: holder, lease: "gen_random_uuid()", position: 0),
                keep(worker: holder, lease: lease, position: 1),
            ] {
                #expect(try await board.count(refused) == 0)
            }
            #expect(try await board.count("SELECT count(*) FROM affine.message") == 0)
            let mine = keep(worker: holder, lease: lease, position: 0)
            #expect(try await board.count(mine) == 1)
            #expect(try await board.count(mine) == 0)
            await worker.drain()
        }
        let error = await #expect(throws: PostgresError.self) {
            try await board.execute("DELETE FROM affine.message")
        }
        #expect(error?.sqlState == "AF001")
    }
}
