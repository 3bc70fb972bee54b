import Coordinator
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Before its contest a challenger's model is held against the champion's.
@Suite(.migratedDatabase) struct CopyCheckTests {
    /// Miner a has the throne and a baseline whose answers were kept; b is next.
    private func withChallenger(
        _ letters: String = "ab", answers: Bool = true, _ change: @Sendable (inout ArenaSettings) -> Void = { _ in },
        _ body: (Stage, [TestMiner]) async throws -> Void
    ) async throws {
        let settings: (inout ArenaSettings) -> Void = { settings in
            var check = CopyCheckSettings()
            (check.positions, check.probes) = (5, 20)
            settings.copyCheck = check
            change(&settings)
        }
        try await Stage.with(settings) { stage in
            let miners = try await stage.prepare(letters)
            try await stage.arena.advance()
            if answers { try await keepTranscripts(stage) }
            try await stage.drain(stage.crew([miners[0]])) { _ in .scored(500) }
            try await body(stage, miners)
        }
    }

    private func keepTranscripts(_ stage: Stage) async throws {
        try await stage.owner.execute(
            """
            WITH said AS (
                SELECT n, json_build_object('role', role, 'content',
                       (SELECT string_agg('word' || n || '.' || m, ' ') FROM generate_series(1, 30) m))::text AS content
                FROM generate_series(0, 9) n, unnest(ARRAY['user', 'assistant']) role),
            kept AS (INSERT INTO affine.message SELECT sha256(convert_to(content, 'UTF8')), content FROM said)
            INSERT INTO affine.transcript (evaluation, lease, bytes, position, environment, is_cut, messages)
            SELECT 1, gen_random_uuid(), 1, n, 1, false,
                   array_agg(sha256(convert_to(content, 'UTF8')) ORDER BY content DESC) FROM said GROUP BY n
            """)
    }

    /// What a model with likelihoods of its own answers.
    private func answers(_ count: Int, logprob: Double) -> String {
        let tokens = "[{\"token\":\" a\",\"logprob\":\(logprob)},{\"token\":\" b\",\"logprob\":-3}]"
        return "[\(Array(repeating: tokens, count: count).joined(separator: ","))]"
    }

    /// Claims the model's fingerprint and reports it; false where there was none to claim.
    @discardableResult
    private func measure(_ miner: TestMiner, _ stage: Stage, logprob: Double?) async throws -> Bool {
        let worker = try await FakeWorker.registered(on: stage)
        let deployment = try await worker.serve(miner)
        let claimed = try await stage.workers.column(
            "SELECT fingerprint || ' ' || cardinality(prompts) FROM affine.claim_fingerprint('\(worker.id)', '{\(deployment)}')"
        )
        guard let parts = claimed.first?.split(separator: " "), let count = Int(parts[1]) else { return false }
        #expect(count == 20)
        let found = logprob.map { "'\(answers(count, logprob: $0))'" } ?? "NULL"
        return try await stage.workers.value(
            "SELECT affine.report_fingerprint('\(worker.id)', \(parts[0]), \(found), 'no luck')") == "true"
    }

    private func checks(_ stage: Stage) async throws -> [String] {
        try await stage.owner.column(
            "SELECT right(hotkey, 1) || ' ' || state || ': ' || reason FROM ops.copy_check ORDER BY copy_check")
    }

    @Test("a copy leaves the queue before its contest, with the evidence; the next in line meets the champion")
    func copy() async throws {
        try await withChallenger("abc") { stage, miners in
            try await #expect(stage.arena.advance() == "the next miner's model is held against the champion's")
            try await #expect(checks(stage) == ["b open: "])
            try await #expect(measure(miners[0], stage, logprob: -1))
            try await #expect(stage.arena.advance() == "the next miner's model is held against the champion's")
            try await #expect(measure(miners[1], stage, logprob: -1.02))
            try await stage.arena.advance()
            try await #expect(checks(stage) == ["b copy: median gap 0.0200, a copy's is less than 0.0500", "c open: "])
            try await #expect(
                stage.owner.value(
                    "SELECT state || ' ' || state_reason FROM affine.miner WHERE hotkey = '\(miners[1].hotkey)'")
                    == "invalid anticopy_copy:copied_from=models/a,dm=0.0200")
            try await #expect(stage.events("miner.invalidated") == 1)
            try await #expect(stage.contests().isEmpty)
            // The champion was measured for all of this window.
            try await #expect(!measure(miners[0], stage, logprob: -1))
            try await measure(miners[2], stage, logprob: -2)
            try await stage.arena.advance()
            try await #expect(checks(stage).last == "c distinct: median gap 1.0000, a copy's is less than 0.0500")
            try await #expect(stage.state(of: miners[2]) == "contesting")
        }
    }

    @Test("an operator who reinstates a copy lets it meet the champion")
    func reinstated() async throws {
        try await withChallenger { stage, miners in
            try await stage.arena.advance()
            for miner in miners { try await measure(miner, stage, logprob: -1) }
            try await stage.arena.advance()
            try await #expect(stage.state(of: miners[1]) == "invalid")
            try await ArenaControl(database: stage.coordinator).reinstate(
                miners[1].hotkey, reason: "trained from the same base")
            try await stage.arena.advance()
            try await #expect(stage.state(of: miners[1]) == "contesting")
        }
    }

    @Test("a check that can't be made ends undecided, says why, and costs the miner nothing")
    func undecided() async throws {
        try await withChallenger { stage, miners in
            try await stage.arena.advance()
            try await measure(miners[0], stage, logprob: -1)
            for _ in 1...3 { try await #expect(measure(miners[1], stage, logprob: nil)) }
            try await #expect(!measure(miners[1], stage, logprob: -1))
            try await stage.arena.advance()
            try await #expect(checks(stage) == ["b undecided: the model was not measured (no luck)"])
            try await #expect(stage.state(of: miners[1]) == "contesting")
        }
    }

    @Test("what can't be read of a worker stops nobody")
    func rubbish() async throws {
        try await withChallenger { stage, miners in
            try await stage.arena.advance()
            try await stage.owner.execute(
                "UPDATE affine.fingerprint SET answers = '[[{\"token\":7}]]', measured_at = clock_timestamp()")
            try await stage.arena.advance()
            try await #expect(checks(stage) == ["b undecided: what a worker reported is no list of likelihoods"])
            try await #expect(stage.state(of: miners[1]) == "contesting")
        }
    }

    @Test("without answers of the champion, and after the deadline, the contest begins")
    func deadline() async throws {
        try await withChallenger(answers: false) { stage, miners in
            try await stage.arena.advance()
            try await #expect(checks(stage) == ["b undecided: nothing was kept of what the champion said"])
            try await #expect(stage.state(of: miners[1]) == "contesting")
        }
        try await FreshDatabase.provide(.migrated) {
            try await withChallenger("ab", { $0.copyCheck?.deadline = .zero }) { stage, miners in
                // A fleet that is away is no reason to let a copy pass.
                try await stage.owner.execute("UPDATE affine.worker SET stopped_at = clock_timestamp()")
                try await #expect(stage.arena.advance() == "the next miner's model is held against the champion's")
                _ = try await FakeWorker.registered(on: stage)
                try await stage.arena.advance()
                try await #expect(checks(stage) == ["b undecided: the champion's model was not measured in time"])
                try await #expect(stage.state(of: miners[1]) == "contesting")
            }
        }
    }

    @Test("what a worker that stopped had in hand goes to another, and its late answer is refused")
    func lostWorker() async throws {
        try await withChallenger { stage, miners in
            try await stage.arena.advance()
            let worker = try await FakeWorker.registered(on: stage)
            let deployment = try await worker.serve(miners[1])
            let claim = "SELECT fingerprint FROM affine.claim_fingerprint('\(worker.id)', '{\(deployment)}')"
            let fingerprint = try await stage.workers.value(claim)
            try await #expect(!measure(miners[1], stage, logprob: -2))
            try await worker.stop()
            try await #expect(measure(miners[1], stage, logprob: -2))
            try await #expect(
                stage.workers.value("SELECT affine.report_fingerprint('\(worker.id)', \(fingerprint), '[]', '')")
                    == "false")
            try await #expect(
                stage.owner.value("SELECT count(*) FROM affine.fingerprint WHERE answers IS NOT NULL") == "1")
        }
    }

    @Test("engines load what is to be measured, after everything else while a contest runs")
    func openWork() async throws {
        try await withChallenger("abc", { $0.lookAhead = 1 }) { stage, miners in
            func open() async throws -> [String] {
                try await stage.workers.column(
                    """
                    SELECT right(model, 1) || CASE WHEN is_ahead THEN ' ahead' ELSE '' END
                    FROM affine.open_work(gen_random_uuid(), 'h') WHERE work_seconds > 0
                    """)
            }
            try await stage.arena.advance()
            try await #expect(open().sorted() == ["a", "b"])
            try await measure(miners[0], stage, logprob: -1)
            try await #expect(open() == ["b"])
            try await measure(miners[1], stage, logprob: -2)
            try await stage.arena.advance()
            // The check of who runs ahead is asked for while the contest runs.
            try await #expect(checks(stage).last == "c open: ")
            try await #expect(open() == ["b", "c ahead"])
            try await #expect(measure(miners[2], stage, logprob: -1))
            try await stage.play([miners[1], miners[2]]) { _ in .scored(0) }
            try await #expect(stage.state(of: miners[2]) == "invalid")
            try await #expect(stage.contests().count == 1)
        }
    }

    @Test("an operator's own entrant is not checked: it is never paid")
    func benchmark() async throws {
        try await withChallenger("a") { stage, miners in
            _ = try await BenchmarkIntake(database: stage.coordinator).add(
                name: "copy", model: miners[0].model, block: nil, actor: "test")
            try await stage.arena.advance()
            try await #expect(checks(stage) == [])
            try await #expect(stage.contests().count == 1)
        }
    }
}
