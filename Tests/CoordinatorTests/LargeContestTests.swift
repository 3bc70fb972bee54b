import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

/// Contests whose results are read in pages, here of four.
@Suite(.migratedDatabase) struct LargeContestTests {
    private static let judge: Judge = { job in
        switch (job.miner, job.task % 6) {
        case ("b", 0): .modelFault
        case ("b", _): .scored(400 + job.task % 300)
        default: .scored(300 + job.task % 200)
        }
    }

    @Test(
        "what is read page by page while a contest runs leads to the same certificate and digests as what is read at its end",
        arguments: [true, false])
    func pages(curtail: Bool) async throws {
        func outcome(page: Int) async throws -> [String] {
            try await FreshDatabase.provide(.migrated) {
                try await Stage.with({ ($0.resultPage, $0.curtail) = (page, curtail) }) { stage in
                    let miners = try await stage.prepare("abc", count: 22)
                    try await stage.play(miners, runs: 1, Self.judge)
                    for contest in try await stage.contests() {
                        try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
                    }
                    return try await stage.owner.column(
                        """
                        SELECT concat_ws(' ', c.id, c.verdict, encode(c.outcome_digest, 'hex'), encode(c.evidence_digest, 'hex'),
                                         e.environment, e.decided, e.challenger_lo_nano, e.challenger_hi_nano, e.used)
                        FROM affine.contest c JOIN affine.contest_environment e ON e.contest = c.id ORDER BY 1
                        """)
                }
            }
        }
        let whole = try await outcome(page: 1_000)
        #expect(whole.count == 4)
        for page in [1, 4, 11, 21] { try await #expect(outcome(page: page) == whole) }
    }

    @Test("a page that was complete is not read again, and what was not complete is read when the contest is over")
    func once() async throws {
        try await Stage.with({ ($0.resultPage, $0.curtail, $0.environmentOrder) = (4, false, .parallel) }) { stage in
            let miners = try await stage.prepare("ab", count: 10)
            try await stage.play([miners[0]]) { _ in .scored(500) }
            // Five of each environment's ten jobs: one page of each is complete.
            let crew = try await stage.crew(miners)
            for _ in 1...10 { _ = try await crew.work(runs: 1) { _ in .scored(100) } }
            try await stage.arena.advance()
            // What nobody can do: results of the complete page and of the next change afterwards.
            try await stage.owner.execute(
                """
                SET session_replication_role = replica;
                UPDATE affine.attempt SET score_nano = 0 WHERE evaluation = 2 AND position IN (3, 4);
                SET session_replication_role = origin
                """)
            try await stage.play(miners) { _ in .scored(100) }
            // Nine tenths: the second change was seen, the first was not.
            try await #expect(
                stage.owner.column("SELECT challenger_lo_nano FROM affine.contest_environment WHERE contest = 2")
                    == ["900000000", "900000000"])
        }
    }
}
