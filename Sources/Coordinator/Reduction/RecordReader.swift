internal import Domain
internal import Postgres
internal import Records
internal import Rules

/// Assembles contest records from the job history. What the contests of a window share, its slate and the champion's
/// results, is read once for contests that follow one another.
struct RecordReader {
    /// The slate of a window: per environment the tasks in slate order.
    private var slate: (window: WindowID, environments: [SlateEnvironment])?
    private var baseline: (evaluation: EvaluationID, columns: [ResultColumn])?

    /// What the contest's verdict follows from. A running contest is given every final result there is; one that is over
    /// exactly those it was decided on.
    mutating func record(of contest: StoredContest, in session: inout Session) throws -> ContestRecord {
        let slate = try slate(of: contest.window, in: &session)
        let champion: [ResultColumn]
        if let baseline, baseline.evaluation == contest.championEvaluation {
            champion = baseline.columns
        } else {
            champion = try Self.results(of: contest.championEvaluation, on: slate, usedBy: nil, in: &session)
            baseline = (contest.championEvaluation, champion)
        }
        let challenger = try Self.results(of: contest.challengerEvaluation, on: slate, usedBy: contest.id, in: &session)
        let slates = slate.indices.map { index in
            EnvironmentSlate(
                environment: slate[index].name, ids: slate[index].tasks, champion: champion[index],
                challenger: challenger[index])
        }
        return try ContestRecord(
            window: contest.window, rule: contest.rule, champion: contest.champion, challenger: contest.challenger,
            slates: slates)
    }

    private mutating func slate(of window: WindowID, in session: inout Session) throws -> [SlateEnvironment] {
        if let slate, slate.window == window { return slate.environments }
        let environments = try session.run(LoadSlate(window: window))
        slate = (window, environments)
        return environments
    }

    /// One column for each of the slate's environments. An evaluation's jobs are in an order of its own and may reach
    /// beyond the slate.
    private static func results(
        of evaluation: EvaluationID, on slate: [SlateEnvironment], usedBy contest: ContestID?, in session: inout Session
    ) throws -> [ResultColumn] {
        var columns = slate.map { ResultColumn(missing: $0.tasks.count) }
        let jobs = try session.run(LoadJobs(evaluation: evaluation))
        for first in stride(from: 0, to: jobs.map(\.tasks.count).max() ?? 0, by: LoadResults.page) {
            let results = try session.run(LoadResults(evaluation: evaluation, contest: contest, first: first))
            for part in results {
                guard let index = slate.firstIndex(where: { $0.id == part.environment }),
                    let jobs = jobs.first(where: { $0.environment == part.environment })
                else { continue }
                part.enter(into: &columns[index], jobs: jobs.tasks, places: slate[index].places)
            }
        }
        return columns
    }
}

/// One environment of a window's slate.
struct SlateEnvironment: Sendable {
    let id: Int16
    let name: EnvironmentName
    /// In slate order.
    let tasks: [TaskID]
    /// Where each task stands.
    let places: [TaskID: Int]
}

private struct LoadSlate: Statement {
    static let sql = """
        SELECT t.environment, n.name, array_agg(t.task_id ORDER BY t.slate_position)
        FROM affine.window_task t JOIN affine.environment n ON n.id = t.environment
        WHERE t.window_id = $1 AND t.slate_position IS NOT NULL GROUP BY t.environment, n.name ORDER BY n.name
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> SlateEnvironment {
        let id: Int16 = try row.next()
        let name: EnvironmentName = try row.next()
        let ids: [Int64] = try row.next()
        let tasks = ids.map(TaskID.init)
        return SlateEnvironment(
            id: id, name: name, tasks: tasks,
            places: Dictionary(zip(tasks, tasks.indices), uniquingKeysWith: { first, _ in first }))
    }
}

/// An evaluation's jobs: per environment the task of each position.
private struct LoadJobs: Statement {
    struct Jobs: Sendable {
        var environment: Int16
        var tasks: [Int64]
    }

    static let sql = "SELECT environment, task_ids FROM affine.evaluation_environment WHERE evaluation = $1"
    var evaluation: EvaluationID
    func bind(_ bindings: inout Bindings) { bindings.append(evaluation) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Jobs {
        try Jobs(environment: row.next(), tasks: row.next())
    }
}

/// Per environment the final results of one page of job positions; of a contest that is over those that it used.
private struct LoadResults: Statement {
    /// How many positions are read at once: what bounds memory for an evaluation of any size.
    static let page = 50_000

    struct Results: Sendable {
        var environment: Int16
        var scored: [Int32]
        var scores: [Int64]
        var unscored: [Int32]
        var outcomes: [String]

        func enter(into column: inout ResultColumn, jobs: [Int64], places: [TaskID: Int]) {
            for (position, score) in zip(scored, scores) {
                guard let place = places[TaskID(rawValue: jobs[Int(position)])] else { continue }
                column[place] = .scored(Score(nano: score))
            }
            for (position, word) in zip(unscored, outcomes) {
                guard let place = places[TaskID(rawValue: jobs[Int(position)])] else { continue }
                column[place] = Outcome(rawValue: word).flatMap { TaskResult(outcome: $0, score: nil) }
            }
        }
    }

    static let sql = """
        SELECT a.environment,
               COALESCE(array_agg(a.position) FILTER (WHERE a.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(a.score_nano) FILTER (WHERE a.score_nano IS NOT NULL), '{}'),
               COALESCE(array_agg(a.position) FILTER (WHERE a.score_nano IS NULL), '{}'),
               COALESCE(array_agg(a.outcome::text) FILTER (WHERE a.score_nano IS NULL), '{}')
        FROM affine.evaluation e
        JOIN affine.attempt a ON a.window_id = e.window_id AND a.evaluation = e.id
        LEFT JOIN affine.contest_environment u ON u.contest = $2 AND u.environment = a.environment
        WHERE e.id = $1 AND a.position >= $3 AND a.position < $4 AND a.final AND (u.used IS NULL OR u.used @> a.position)
        GROUP BY a.environment
        """
    var evaluation: EvaluationID
    var contest: ContestID?
    var first: Int

    func bind(_ bindings: inout Bindings) {
        bindings.append(evaluation)
        bindings.append(contest)
        bindings.append(Int32(first))
        bindings.append(Int32(first + Self.page))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Results {
        try Results(
            environment: row.next(), scored: row.next(), scores: row.next(), unscored: row.next(),
            outcomes: row.next())
    }
}
