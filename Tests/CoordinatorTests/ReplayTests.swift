import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite(.migratedDatabase) struct ReplayTests {
    private func decided(_ body: (Stage, ContestID) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 500) }
            try await body(stage, try #require(try await stage.contests().first))
        }
    }

    private func tamper(_ stage: Stage, _ table: String, _ sql: String) async throws {
        try await stage.owner.execute(
            "ALTER TABLE \(table) DISABLE TRIGGER USER; \(sql); ALTER TABLE \(table) ENABLE TRIGGER USER")
    }

    /// Moves a nano-unit from one task to another, so that every sum stays.
    private static func shift(evaluation: Int) -> String {
        """
        UPDATE affine.attempt SET score_nano = score_nano + CASE position WHEN 0 THEN 1 ELSE -1 END
        WHERE evaluation = \(evaluation) AND environment = 1 AND position < 2
        """
    }

    @Test("a contest replays from its history to the verdict and the digests that were stored")
    func match() async throws {
        try await decided { stage, contest in
            let result = try await ContestHistory(database: stage.coordinator).replay(contest)
            #expect(result.match && result.difference == nil)
            #expect(result.verdict == .dethroned)
            try await #expect(
                stage.owner.value(
                    "SELECT encode(outcome_digest, 'hex') || encode(evidence_digest, 'hex') FROM affine.contest")
                    == (result.outcomeDigest ?? "") + (result.digest ?? ""))
        }
    }

    @Test("scores of the challenger that were changed behind its sum are named as a difference of the evidence")
    func challengerScore() async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.attempt",
                Self.shift(evaluation: 2))
            let result = try await ContestHistory(database: stage.coordinator).replay(contest)
            #expect(!result.match)
            #expect(result.difference?.hasPrefix("digest: stored ") == true)
        }
    }

    @Test("scores of the champion that were changed behind its sum are named as a difference of the outcome")
    func championScore() async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.attempt",
                Self.shift(evaluation: 1))
            try await #expect(
                ContestHistory(database: stage.coordinator).replay(contest).difference?
                    .hasPrefix("outcome_digest: stored ") == true)
        }
    }

    @Test("another verdict than the scores give is named first")
    func verdict() async throws {
        try await decided { stage, contest in
            try await tamper(stage, "affine.contest", "UPDATE affine.contest SET verdict = 'champion_keeps'")
            try await #expect(
                ContestHistory(database: stage.coordinator).replay(contest).difference
                    == "verdict: stored champion_keeps, replayed dethroned")
        }
    }

    @Test(
        "one changed score is named by the sum that it changes",
        arguments: [(1, "champion_sum_nano"), (2, "challenger_lo_nano")])
    func sum(evaluation: Int, field: String) async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.attempt",
                "UPDATE affine.attempt SET score_nano = 1 WHERE evaluation = \(evaluation) AND environment = 1 AND position = 0"
            )
            let result = try await ContestHistory(database: stage.coordinator).replay(contest)
            #expect(result.difference?.hasPrefix("abd.\(field): stored ") == true, "\(result.difference ?? "")")
        }
    }

    @Test("a certificate that the scores do not give is named by its environment and field")
    func certificate() async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.contest_environment",
                "UPDATE affine.contest_environment SET upper_nano = upper_nano + 1 WHERE environment = 2")
            let result = try await ContestHistory(database: stage.coordinator).replay(contest)
            let difference = try #require(result.difference)
            #expect(difference.wholeMatch(of: /ded\.upper_nano: stored \d+, replayed \d+/) != nil, "\(difference)")
        }
    }

    @Test("a score outside its bounds is a difference too, and does not keep other contests from being replayed")
    func brokenRecord() async throws {
        try await Stage.with { stage in
            try await stage.play(try await stage.prepare("abc")) { .scored($0.miner == "a" ? 500 : 100) }
            try await tamper(
                stage, "affine.attempt",
                "UPDATE affine.attempt SET score_nano = 2000000000 WHERE evaluation = 2 AND environment = 1 AND position = 0"
            )
            let results = try await ContestHistory(database: stage.coordinator).replay(.all)
            #expect(results.map(\.match) == [false, true])
            #expect(results[0].difference?.contains("score '2' is not valid: expected a score in [0, 1]") == true)
        }
    }

    @Test("a window's contests replay together, and as exported they come to the same digests without the database")
    func window() async throws {
        try await Stage.with { stage in
            try await stage.play(try await stage.prepare("abcd")) { .scored($0.miner == "c" ? 700 : 500) }
            let history = ContestHistory(database: stage.coordinator)
            let results = try await history.replay(.window(WindowID(rawValue: 1)))
            #expect(results.map(\.match) == [true, true, true])
            #expect(results.map(\.contest) == (try await stage.contests()))
            #expect(try await history.archives(of: .all).map { $0.replay() } == results)
            #expect(try await history.replay(.window(WindowID(rawValue: 9))).isEmpty)
        }
    }

    @Test("a contest that runs, and one that never was, are told apart")
    func notOver() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let running = try #require(try await stage.contests().first)
            let history = ContestHistory(database: stage.coordinator)
            let early = await #expect(throws: HistoryError.self) { _ = try await history.replay(running) }
            #expect(early?.description == "contest 2 is still running: only a contest that is over has a verdict")
            let unknown = await #expect(throws: HistoryError.self) {
                _ = try await history.replay(ContestID(rawValue: 99))
            }
            #expect(unknown?.description.hasPrefix("there is no contest 99") == true)
        }
    }

    @Test("every contest of a long history replays")
    func all() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcdef", attempts: 2)
            try await stage.play(miners, runs: 2) { job in
                let strength = Int64(job.miner.asciiValue ?? 0) * 37 % 11 * 80
                switch (job.task + strength) % 13 {
                case 0: return .modelFault
                case 1: return job.lease.attempt == 1 ? .infraFault : .scored(strength)
                default: return .scored(min(1_000, strength + job.task % 100))
                }
            }
            let contests = try await stage.contests()
            #expect(contests.count == 5)
            for contest in contests {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match, "\(contest)")
            }
        }
    }

    @Test("a record has its tasks in the order of the slate, which digests and evidence depend on")
    func slateOrder() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", count: 60)
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 900) }
            let record = try await ContestHistory(database: stage.coordinator).contest(ContestID(rawValue: 2)).record
            for slate in record.slates {
                let ordered = try await stage.owner.column(
                    """
                    SELECT t.task_id FROM affine.window_task t JOIN affine.environment n ON n.id = t.environment
                    WHERE n.name = '\(slate.environment)' AND t.slate_position IS NOT NULL ORDER BY t.slate_position
                    """)
                #expect(slate.ids.map(\.description) == ordered)
            }
        }
    }
}
