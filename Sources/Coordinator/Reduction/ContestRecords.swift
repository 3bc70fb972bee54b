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
    /// Past its deadline, while a worker is live: an outage of the fleet is nobody's failure.
    var isOverdue: Bool
    var verdict: String?
    var outcomeDigest: String?
    var evidenceDigest: String?

    /// Assembles what the verdict follows from. A running contest is given every final result there is; a decided one
    /// exactly those it was decided on.
    func record(in session: inout Session) throws -> ContestRecord {
        let tasks = try session.run(LoadSlate(contest: id))
        return try ContestRecord(window: window, rule: rule, champion: champion, challenger: challenger, tasks: tasks)
    }
}

struct LoadContest: Statement {
    static let sql = """
        SELECT c.id, c.window_id, c.champion, ce.model, ce.revision, c.challenger, xe.model, xe.revision,
               c.champion_evaluation, c.challenger_evaluation, r.document, c.state::text, clock_timestamp() > c.deadline_at
               AND EXISTS (SELECT FROM ops.worker WHERE state = 'live'),
               c.verdict::text, encode(c.outcome_digest, 'hex'), encode(c.evidence_digest, 'hex')
        FROM affine.contest c
        JOIN affine.evaluation ce ON ce.id = c.champion_evaluation
        JOIN affine.evaluation xe ON xe.id = c.challenger_evaluation
        JOIN affine.rule r ON r.digest = c.rule_digest
        WHERE c.id = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> StoredContest {
        let id: ContestID = try row.next()
        let window: WindowID = try row.next()
        let champion = try identity(&row)
        let challenger = try identity(&row)
        let championEvaluation: EvaluationID = try row.next()
        let challengerEvaluation: EvaluationID = try row.next()
        let document: String = try row.next()
        let state: String = try row.next()
        let isOverdue: Bool = try row.next()
        guard let rule = try? RuleDocument(parsing: document), let state = StoredContest.State(rawValue: state) else {
            throw PostgresError(.decoding, "contest \(id) has a rule or state that this version does not know")
        }
        return try StoredContest(
            id: id, window: window, champion: champion, challenger: challenger, championEvaluation: championEvaluation,
            challengerEvaluation: challengerEvaluation, rule: rule, state: state, isOverdue: isOverdue,
            verdict: row.next(),
            outcomeDigest: row.next(), evidenceDigest: row.next())
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

/// The slate with both sides' final results. Once a contest is over, only the challenger's positions in `used` count.
private struct LoadSlate: Statement {
    static let sql = """
        WITH c AS (SELECT * FROM affine.contest WHERE id = $1),
        asked AS (
            SELECT ee.evaluation, ee.environment, task, place - 1 AS position
            FROM c JOIN affine.evaluation_environment ee ON ee.evaluation IN (c.champion_evaluation, c.challenger_evaluation),
                 unnest(ee.task_ids) WITH ORDINALITY AS job (task, place)
        ), answered AS (
            SELECT q.evaluation, q.environment, q.task, a.outcome::text AS outcome, a.score_nano, a.position
            FROM c CROSS JOIN asked q
            JOIN affine.attempt a ON a.window_id = c.window_id AND a.evaluation = q.evaluation
                 AND a.environment = q.environment AND a.position = q.position AND a.final
        )
        SELECT n.name, t.slate_position, t.task_id, champion.outcome, champion.score_nano,
               challenger.outcome, challenger.score_nano
        FROM c
        JOIN affine.window_task t ON t.window_id = c.window_id AND t.slate_position IS NOT NULL
        JOIN affine.environment n ON n.id = t.environment
        LEFT JOIN affine.contest_environment used ON used.contest = c.id AND used.environment = t.environment
        LEFT JOIN answered champion ON champion.evaluation = c.champion_evaluation
             AND champion.environment = t.environment AND champion.task = t.task_id
        LEFT JOIN answered challenger ON challenger.evaluation = c.challenger_evaluation
             AND challenger.environment = t.environment AND challenger.task = t.task_id
             AND (used.used IS NULL OR used.used @> challenger.position)
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SlateTask {
        let environment: EnvironmentName = try row.next()
        let position: Int32 = try row.next()
        let task: TaskID = try row.next()
        let champion = try result(&row)
        let challenger = try result(&row)
        return SlateTask(
            environment: environment, position: Int(position), task: task, champion: champion ?? .infraFault,
            challenger: challenger)
    }

    private static func result(_ row: inout RowReader) throws(PostgresError) -> TaskResult? {
        let outcome: String? = try row.next()
        let score: Int64? = try row.next()
        guard let outcome else { return nil }
        guard let kind = Outcome(rawValue: outcome),
            let result = TaskResult(outcome: kind, score: score.map(Score.init))
        else {
            throw PostgresError(.decoding, "an attempt has the outcome '\(outcome)' and the score \(score ?? 0)")
        }
        return result
    }
}
