import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// What is written once cannot be changed, not even by the owner.
@Suite(.migratedDatabase) struct HistoryTests {
    /// Three miners: `a` was dethroned by `b`, `c` lost to it.
    private func history(_ body: (Stage) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 500) }
            try await #expect(stage.verdicts() == ["dethroned", "champion_keeps"])
            try await body(stage)
        }
    }

    static let tables = [
        "commitment", "attempt", "attempt_window_1", "rule", "event", "chain_block", "window_environment",
        "contest_environment", "weight", "weight_snapshot",
    ]

    @Test("append-only tables refuse UPDATE, DELETE and TRUNCATE, through a partition as well", arguments: tables)
    func appendOnly(table: String) async throws {
        try await history { stage in
            let column = try await stage.owner.value(
                """
                SELECT attname FROM pg_attribute WHERE attrelid = 'affine.\(table)'::regclass AND attnum > 0
                AND attidentity = '' ORDER BY attnum LIMIT 1
                """)
            try await #expect(stage.owner.value("SELECT count(*) > 0 FROM affine.\(table)") == "true")
            for sql in [
                "UPDATE affine.\(table) SET \(column) = \(column)", "DELETE FROM affine.\(table)",
                "TRUNCATE affine.\(table) CASCADE",
            ] {
                await #expect(stage.owner.refusal(sql)?.sqlState == "AF001", "\(sql)")
            }
        }
    }

    @Test(
        "what is decided stays decided",
        arguments: [
            "UPDATE affine.contest SET verdict = 'champion_keeps' WHERE verdict = 'dethroned'",
            "UPDATE affine.contest SET state = 'running', verdict = NULL, decided_at = NULL, outcome_digest = NULL",
            "DELETE FROM affine.contest",
            "TRUNCATE affine.contest CASCADE",
            "UPDATE affine.reign SET to_block = 7, ended_at = now() WHERE to_block IS NOT NULL",
            "UPDATE affine.reign SET to_block = NULL, ended_at = NULL WHERE to_block IS NOT NULL",
            "UPDATE affine.reign SET hotkey = '5' WHERE to_block IS NULL",
            "DELETE FROM affine.reign",
            "TRUNCATE affine.reign CASCADE",
            "UPDATE affine.miner SET state = 'pending' WHERE state = 'terminated'",
            "DELETE FROM affine.miner",
            "TRUNCATE affine.miner CASCADE",
            "UPDATE affine.miner SET commitment = commitment + 1000",
        ])
    func decided(sql: String) async throws {
        try await history { stage in
            await #expect(stage.owner.refusal(sql)?.sqlState == "AF001")
        }
    }

    @Test("a running contest keeps its rule, its sides and its evaluations")
    func frozenContest() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await #expect(stage.verdicts() == ["null"])
            try await stage.owner.execute(
                "INSERT INTO affine.rule (digest, document) VALUES (sha256('{}'), '{}')")
            for change in [
                "rule_digest = sha256('{}')", "challenger = '\(miners[2].hotkey)'",
                "champion_evaluation = challenger_evaluation",
            ] {
                await #expect(
                    stage.owner.refusal("UPDATE affine.contest SET \(change)")?.sqlState == "AF001", "\(change)")
            }
        }
    }

    @Test(
        "there is at most one open reign, open window, undecided contest, champion and deployment of a URL",
        arguments: [
            (
                "one_open_reign",
                """
                INSERT INTO affine.reign (id, hotkey, from_block)
                SELECT 99, hotkey, 1 FROM affine.miner WHERE right(hotkey, 1) = 'c'
                """
            ),
            (
                "one_open_window",
                """
                INSERT INTO affine.task_window (id, opened_block, rule_digest)
                SELECT 99, opened_block, rule_digest FROM affine.task_window
                """
            ),
            ("one_champion", "UPDATE affine.miner SET state = 'champion' WHERE state = 'contesting'"),
            (
                "one_undecided_contest",
                """
                INSERT INTO affine.contest (window_id, champion, challenger, champion_evaluation, challenger_evaluation,
                    rule_digest, deadline_at)
                SELECT window_id, champion, challenger, champion_evaluation, 1, rule_digest, now()
                FROM affine.contest WHERE state = 'running'
                """
            ),
            (
                "one_deployment_per_url",
                """
                INSERT INTO affine.deployment (lane, base_url, generation, model, revision)
                SELECT lane, base_url, generation + 1, model, revision FROM affine.deployment
                """
            ),
            (
                "one_final_attempt_1",
                """
                INSERT INTO affine.attempt (window_id, evaluation, environment, position, attempt, final, outcome, score_nano,
                    lease, duration_ms)
                SELECT window_id, evaluation, environment, position, attempt + 1, true, 'scored', 1, lease, 1
                FROM affine.attempt LIMIT 1
                """
            ),
        ])
    func unique(index: String, sql: String) async throws {
        try await history { stage in
            try await stage.admit("d")
            try await stage.arena.advance()
            try await #expect(stage.verdicts().last == "null")
            let error = await stage.owner.refusal(sql)
            #expect(error?.sqlState == "23505")
            #expect(error?.constraint?.hasPrefix(index) == true, "\(error?.constraint ?? "")")
        }
    }

    @Test(
        "the terms of a window are frozen when it opens",
        arguments: [
            "UPDATE affine.task_window SET opened_block = opened_block + 1",
            "UPDATE affine.task_window SET rule_digest = sha256('x')", "DELETE FROM affine.task_window",
        ])
    func frozenWindow(sql: String) async throws {
        try await history { stage in
            let error = await stage.owner.refusal(sql)
            #expect(error?.sqlState == "AF001")
        }
    }
}
