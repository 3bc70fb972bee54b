internal import Domain
internal import Postgres
internal import Records
internal import Rules

/// A contest as it stands in the database.
struct StoredContest: Sendable {
    enum State: String, Sendable { case running, decided, void }

    var id: ContestID
    var window: WindowID
    var champion: ContestIdentity
    var challenger: ContestIdentity
    var championEvaluation: EvaluationID
    var challengerEvaluation: EvaluationID
    var rule: RuleDocument
    var state: State
    /// The challenger can take no throne.
    var isBenchmark: Bool
    /// Past its deadline, while a worker is live: an outage of the fleet is nobody's failure.
    var isOverdue: Bool
    /// What was written when it ended; nil while it runs.
    var ended: Ending?

    struct Ending: Sendable {
        /// The rule's, which for a benchmark entrant need not be what happened.
        var decision: Verdict.Decision
        var outcomeDigest: String
        var evidenceDigest: String
    }
}

/// Those there are, in the order of their numbers.
struct LoadContests: Statement {
    static let sql = """
        SELECT c.id, c.window_id, c.champion, ce.model, ce.revision, c.challenger, xe.model, xe.revision,
               c.champion_evaluation, c.challenger_evaluation, r.document, c.state::text,
               affine.is_benchmark(c.challenger), clock_timestamp() > c.deadline_at
               AND EXISTS (SELECT FROM ops.worker WHERE state = 'live'),
               COALESCE(c.would_be, c.verdict)::text, encode(c.outcome_digest, 'hex'), encode(c.evidence_digest, 'hex')
        FROM affine.contest c
        JOIN affine.evaluation ce ON ce.id = c.champion_evaluation
        JOIN affine.evaluation xe ON xe.id = c.challenger_evaluation
        JOIN affine.rule r ON r.digest = c.rule_digest
        WHERE c.id = ANY ($1) ORDER BY c.id
        """
    var contests: [ContestID]
    func bind(_ bindings: inout Bindings) { bindings.append(contests) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> StoredContest {
        let id: ContestID = try row.next()
        let window: WindowID = try row.next()
        let champion = try identity(&row)
        let challenger = try identity(&row)
        let championEvaluation: EvaluationID = try row.next()
        let challengerEvaluation: EvaluationID = try row.next()
        let document: String = try row.next()
        let state: String = try row.next()
        let isBenchmark: Bool = try row.next()
        let isOverdue: Bool = try row.next()
        guard let rule = try? RuleDocument(parsing: document), let state = StoredContest.State(rawValue: state) else {
            throw PostgresError(.decoding, "contest \(id) has a rule or state that this version does not know")
        }
        let decision: String? = try row.next()
        let outcome: String? = try row.next()
        let evidence: String? = try row.next()
        var ended: StoredContest.Ending?
        if let decision = decision.flatMap(Verdict.Decision.init), let outcome, let evidence {
            ended = .init(decision: decision, outcomeDigest: outcome, evidenceDigest: evidence)
        }
        return StoredContest(
            id: id, window: window, champion: champion, challenger: challenger, championEvaluation: championEvaluation,
            challengerEvaluation: challengerEvaluation, rule: rule, state: state, isBenchmark: isBenchmark,
            isOverdue: isOverdue,
            ended: ended)
    }

    private static func identity(_ row: inout RowReader) throws(PostgresError) -> ContestIdentity {
        let hotkey: Hotkey = try row.next()
        let repository: String = try row.next()
        let revision: String = try row.next()
        do {
            return ContestIdentity(
                hotkey: hotkey, model: try ModelReference(repository: repository, revision: revision))
        } catch {
            throw PostgresError(.decoding, error.description)
        }
    }
}
