import Postgres

/// What a run left behind: everything that has to be the same with and without faults.
struct ArenaHistory: Sendable {
    struct Contest: Equatable, Sendable, CustomStringConvertible {
        var window: Int64
        var champion: String
        var challenger: String
        var verdict: String?
        var outcome: String?
        var evidence: String?

        var description: String {
            "window \(window): \(challenger) against \(champion): \(verdict ?? "undecided"), "
                + "outcome \(outcome?.prefix(12) ?? "-"), evidence \(evidence?.prefix(12) ?? "-")"
        }
    }

    /// In the order in which they were decided.
    var contests: [Contest]
    /// What must not be, and how often it is.
    var flaws: [String: Int64]
    /// Results, tries that were for nothing, and late reports.
    var facts: [String: Int64]

    static func read(_ owner: Database) async throws -> ArenaHistory {
        ArenaHistory(
            contests: try await owner.run(ListContests()),
            flaws: try await Dictionary(owner.run(CountFlaws()), uniquingKeysWith: +).filter { $0.value != 0 },
            facts: try await Dictionary(owner.run(CountFacts()), uniquingKeysWith: +))
    }
}

/// Where the arena stands, to see whether it still moves.
struct ArenaProgress: Equatable, Sendable {
    var miners: Int64
    var waiting: Int64
    var windows: Int64
    var attempts: Int64
}

struct LoadProgress: Statement {
    static let sql = """
        SELECT (SELECT count(*) FROM affine.miner), (SELECT count(*) FROM affine.miner WHERE state IN ('pending', 'contesting')),
               (SELECT count(*) FROM affine.task_window), (SELECT count(*) FROM affine.attempt)
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> ArenaProgress {
        try ArenaProgress(miners: row.next(), waiting: row.next(), windows: row.next(), attempts: row.next())
    }
}

struct KnowsMiner: Statement {
    static let sql = "SELECT count(*) FROM affine.miner WHERE hotkey = $1"
    var hotkey: String
    func bind(_ bindings: inout Bindings) { bindings.append(hotkey) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct ListContests: Statement {
    static let sql = """
        SELECT c.window_id, a.model, b.model, c.verdict, c.outcome_digest, c.evidence_digest
        FROM ops.contest c JOIN ops.miner a ON a.hotkey = c.champion JOIN ops.miner b ON b.hotkey = c.challenger
        ORDER BY c.decided_at, c.contest
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> ArenaHistory.Contest {
        try ArenaHistory.Contest(
            window: row.next(), champion: row.next(), challenger: row.next(), verdict: row.next(), outcome: row.next(),
            evidence: row.next())
    }
}

private struct CountFlaws: Statement {
    static let sql = """
        SELECT 'jobs with more than one final result', count(*)
        FROM (SELECT FROM affine.attempt WHERE final GROUP BY evaluation, environment, position HAVING count(*) > 1) AS j
        UNION ALL
        SELECT 'jobs of complete evaluations without a result', count(*)
        FROM affine.evaluation e JOIN affine.evaluation_environment ee ON ee.evaluation = e.id
        CROSS JOIN LATERAL generate_series(0, ee.planned - 1) AS p
        WHERE e.state = 'complete' AND NOT EXISTS (
            SELECT FROM affine.attempt a WHERE a.evaluation = e.id AND a.environment = ee.environment AND a.position = p AND a.final)
        UNION ALL
        SELECT 'ready runs without a running evaluation', count(*) FROM affine.ready r
        WHERE NOT EXISTS (SELECT FROM affine.evaluation e WHERE e.id = r.evaluation AND e.state = 'running')
        UNION ALL
        SELECT 'leases without a running evaluation', count(*) FROM affine.lease l
        WHERE NOT EXISTS (SELECT FROM affine.evaluation e WHERE e.id = l.evaluation AND e.state = 'running')
        UNION ALL
        SELECT 'evaluations that did not end', count(*) FROM affine.evaluation WHERE state = 'running'
        UNION ALL
        SELECT 'evaluations that were given up', count(*) FROM affine.evaluation WHERE state = 'cancelled'
        UNION ALL
        SELECT 'contests without a decision', count(*) FROM affine.contest WHERE state <> 'decided'
        UNION ALL
        SELECT 'miners that still wait', count(*) FROM affine.miner WHERE state IN ('pending', 'contesting')
        UNION ALL
        SELECT 'results that count for another model', count(*)
        FROM affine.attempt a JOIN affine.evaluation e ON e.id = a.evaluation JOIN affine.deployment d ON d.id = a.deployment
        WHERE (d.model, d.revision) <> (e.model, e.revision)
        UNION ALL
        SELECT 'final results that are no score', count(*) FROM affine.attempt WHERE final AND outcome <> 'scored'
        UNION ALL
        SELECT 'struck tasks', count(*) FROM affine.window_task WHERE struck_reason IS NOT NULL
        UNION ALL
        SELECT 'champions too many or too few', count(*) - 1 FROM affine.miner WHERE state = 'champion'
        UNION ALL
        SELECT 'reigns too many or too few', count(*) - 1 FROM affine.reign WHERE to_block IS NULL
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (String, Int64) { try (row.next(), row.next()) }
}

private struct CountFacts: Statement {
    static let sql = """
        SELECT 'results', count(*) FROM affine.attempt WHERE final
        UNION ALL SELECT 'tries that came to nothing: ' || error_code, count(*) FROM affine.attempt WHERE NOT final AND error_code IS NOT NULL
        GROUP BY error_code
        UNION ALL SELECT 'scores that came second', count(*) FROM affine.attempt WHERE NOT final AND outcome = 'scored'
        UNION ALL SELECT 'late reports refused', count(*) FROM affine.event WHERE kind = 'job.fenced'
        UNION ALL SELECT 'worker identities', count(*) FROM affine.worker
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (String, Int64) { try (row.next(), row.next()) }
}
