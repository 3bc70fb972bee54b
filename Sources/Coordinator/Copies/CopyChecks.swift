internal import Domain
internal import FoundationEssentials
internal import Postgres
internal import Records

extension Arena {
    /// Asks for what it takes to hold a challenger's model against the champion's: both models' answers to the same probes.
    func askCopyCheck(of hotkey: Hotkey, _ check: CopyCheckSettings, in session: inout Session) throws {
        guard let baseline = try session.run(FindBaseline()).first else { return }
        if try session.run(CountProbes(evaluation: baseline)).first == 0 {
            let conversations = try session.run(LoadConversations(evaluation: baseline))
            _ = try session.run(
                InsertProbes(evaluation: baseline, texts: ProbeTexts.cut(conversations, count: check.probes)))
        }
        _ = try session.run(InsertFingerprints(evaluation: baseline, hotkey: hotkey))
        let opened = try session.run(
            InsertCopyCheck(evaluation: baseline, hotkey: hotkey, deadline: check.deadline))
        guard let number = opened.first else { return }
        _ = try session.run(
            RecordEvent(kind: "copy.check_opened", subject: "copy check \(number)", reason: "\(hotkey) is next"))
    }

    /// Judges a check whose answers are all there, or do not come any more. A copy leaves the queue; an operator may reinstate it.
    func judgeCopyCheck(of hotkey: Hotkey, _ settings: CopyCheckSettings, in session: inout Session) throws {
        guard let check = try session.run(FindCopyCheck(hotkey: hotkey)).first else { return }
        let (verdict, comparison) = Self.judge(check, settings)
        let reason =
            switch verdict {
            case .undecided(let reason): reason
            case .copy, .distinct:
                "median gap \(Self.decimal(comparison?.medianGap)), a copy's is less than \(Self.decimal(settings.gap))"
            }
        _ = try session.run(
            JudgeCopyCheck(check: check.id, verdict: verdict.name, reason: reason, comparison: comparison))
        _ = try session.run(
            RecordEvent(
                kind: "copy.check_judged", subject: "copy check \(check.id)", reason: "\(verdict.name): \(reason)"))
        guard verdict == .copy else { return }
        try session.invalidate(
            hotkey, "anticopy_copy:copied_from=\(check.championModel),dm=\(Self.decimal(comparison?.medianGap))",
            "copy check \(check.id): \(reason)", actor: "coordinator")
    }

    private static func judge(
        _ check: FindCopyCheck.Check, _ settings: CopyCheckSettings
    ) -> (CopyVerdict, CopyComparison?) {
        guard check.hasProbes else { return (.undecided("nothing was kept of what the champion said"), nil) }
        guard let champion = check.champion, let challenger = check.challenger else {
            let missing = check.champion == nil ? "the champion's model" : "the model"
            let problem = check.problem.isEmpty ? "in time" : "(\(check.problem))"
            return (.undecided("\(missing) was not measured \(problem)"), nil)
        }
        guard let champion = answers(champion), let challenger = answers(challenger) else {
            return (.undecided("what a worker reported is no list of likelihoods"), nil)
        }
        let comparison = CopyComparison(champion: champion, challenger: challenger, doubt: settings.doubt)
        return (settings.verdict(on: comparison), comparison)
    }

    /// Nil for what no worker of ours reports: the arena goes on.
    private static func answers(_ text: String) -> [[TokenLikelihood]]? {
        try? JSONDecoder().decode([[TokenLikelihood]].self, from: Data(text.utf8))
    }

    /// With four decimals.
    private static func decimal(_ value: Double?) -> String {
        guard let value, let tenThousandths = Int(exactly: (value * 10_000).rounded()) else { return "none" }
        return "\(tenThousandths / 10_000)." + String(10_000 + tenThousandths % 10_000).dropFirst()
    }
}

private struct FindBaseline: Statement {
    static let sql =
        "SELECT baseline_evaluation FROM affine.task_window WHERE state = 'open' AND baseline_evaluation IS NOT NULL"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> EvaluationID { try row.next() }
}

private struct CountProbes: Statement {
    static let sql = "SELECT count(*) FROM affine.probe WHERE evaluation = $1"
    var evaluation: EvaluationID
    func bind(_ bindings: inout Bindings) { bindings.append(evaluation) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Rows: conversations of an evaluation, those of its first tasks.
private struct LoadConversations: Statement {
    static let sql = """
        SELECT DISTINCT ON (t.position, t.environment)
               ARRAY(SELECT m.content FROM unnest(t.messages) WITH ORDINALITY AS d (digest, place)
                     JOIN affine.message m ON m.digest = d.digest ORDER BY d.place)
        FROM affine.transcript t WHERE t.evaluation = $1 AND NOT t.is_cut
        ORDER BY t.position, t.environment, t.lease LIMIT 100
        """
    var evaluation: EvaluationID
    func bind(_ bindings: inout Bindings) { bindings.append(evaluation) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> [(role: String, text: String)] {
        let messages: [String] = try row.next()
        return messages.map { message in
            let line = TranscriptPair.Line(JSONValue(json: message.utf8) ?? .string(message))
            return (line.role, line.text)
        }
    }
}

private struct InsertProbes: Statement {
    static let sql = """
        INSERT INTO affine.probe (evaluation, place, prompt)
        SELECT $1, place - 1, prompt FROM unnest($2::text[]) WITH ORDINALITY AS p (prompt, place)
        """
    var evaluation: EvaluationID
    var texts: [String]

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(texts)
    }
}

/// The champion's and the challenger's, unless they are there.
private struct InsertFingerprints: Statement {
    static let sql = """
        INSERT INTO affine.fingerprint (evaluation, model, revision)
        SELECT e.id, v.model, v.revision FROM affine.evaluation e, affine.miner m
        JOIN affine.commitment c ON c.id = m.commitment
        CROSS JOIN LATERAL (VALUES (1, e.model, e.revision), (2, c.model, c.revision)) AS v (place, model, revision)
        WHERE e.id = $1 AND m.hotkey = $2 AND m.benchmark IS NULL AND EXISTS (SELECT FROM affine.probe p WHERE p.evaluation = e.id)
        ORDER BY v.place ON CONFLICT DO NOTHING
        """
    var evaluation: EvaluationID
    var hotkey: Hotkey

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(hotkey)
    }
}

/// Row: the check's number; none where there is one already.
private struct InsertCopyCheck: Statement {
    static let sql = """
        INSERT INTO affine.copy_check (evaluation, hotkey, model, revision, deadline_at)
        SELECT $1, m.hotkey, c.model, c.revision, clock_timestamp() + make_interval(secs => $3::float8)
        FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment WHERE m.hotkey = $2 AND m.benchmark IS NULL
        ON CONFLICT DO NOTHING RETURNING id
        """
    var evaluation: EvaluationID
    var hotkey: Hotkey
    var deadline: Duration

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(hotkey)
        bindings.append(deadline / .seconds(1))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// The unjudged check of a miner against the open window's baseline, with both models' answers.
private struct FindCopyCheck: Statement {
    struct Check: Sendable {
        var id: Int64
        var championModel: String
        var hasProbes: Bool
        /// JSON; nil while a model is not measured.
        var champion: String?
        var challenger: String?
        /// What kept the last worker from measuring the one that is missing.
        var problem: String
    }

    static let sql = """
        SELECT k.id, e.model, EXISTS (SELECT FROM affine.probe p WHERE p.evaluation = e.id), own.answers, other.answers,
               COALESCE(CASE WHEN own.answers IS NULL THEN own.problem ELSE other.problem END, '')
        FROM affine.task_window w
        JOIN affine.evaluation e ON e.id = w.baseline_evaluation
        JOIN affine.copy_check k ON k.evaluation = e.id AND k.hotkey = $1 AND k.verdict IS NULL
        LEFT JOIN affine.fingerprint own ON own.evaluation = e.id AND own.model = e.model AND own.revision = e.revision
        LEFT JOIN affine.fingerprint other
          ON other.evaluation = e.id AND other.model = k.model AND other.revision = k.revision
        WHERE w.state = 'open'
        """
    var hotkey: Hotkey
    func bind(_ bindings: inout Bindings) { bindings.append(hotkey) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Check {
        try Check(
            id: row.next(), championModel: row.next(), hasProbes: row.next(), champion: row.next(),
            challenger: row.next(), problem: row.next())
    }
}

private struct JudgeCopyCheck: Statement {
    static let sql = """
        UPDATE affine.copy_check SET verdict = $2, reason = $3, positions = $4, median_gap = $5, agreement = $6,
               judged_at = clock_timestamp() WHERE id = $1
        """
    var check: Int64
    var verdict: String
    var reason: String
    var comparison: CopyComparison?

    func bind(_ bindings: inout Bindings) {
        bindings.append(check)
        bindings.append(verdict)
        bindings.append(reason)
        bindings.append(comparison.map { Int32(clamping: $0.positions) })
        bindings.append(comparison?.medianGap)
        bindings.append(comparison?.agreement)
    }
}
