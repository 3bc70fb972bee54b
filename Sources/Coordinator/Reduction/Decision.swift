internal import Digest
internal import Domain
internal import Postgres
internal import Records
internal import Rules

extension Arena {
    /// Decides a running contest if its verdict is certain or no further result can come. Everything that follows from
    /// the verdict is written in the same transaction. Returns whether the contest ended.
    func reduce(_ id: ContestID, in session: inout Session) throws -> Bool {
        guard let contest = try session.run(LoadContests(contests: [id])).first else { return false }
        var reader = prepared.value
        try reader.readAhead(contest, in: &session)
        prepared.value = reader
        let progress = try session.run(
            LoadProgress(contest: contest, settled: reader.settled(of: contest.challengerEvaluation))
        ).first
        let isSettled = progress.map { $0.ended == $0.planned } ?? false
        let isFinished = isSettled || contest.isOverdue
        guard try isFinished || mayBeOver(contest, in: &session) else { return false }
        let (record, used) = try reader.record(of: contest, in: &session)
        guard let verdict = record.conclude(finished: isFinished) else { return false }
        try close(contest, record, verdict, used: used, isSettled: isSettled, in: &session)
        return true
    }

    /// Writes a verdict and everything that follows from it.
    func close(
        _ contest: StoredContest, _ record: ContestRecord, _ verdict: Verdict,
        used: [EnvironmentName: UsedPositions], isSettled: Bool, in session: inout Session
    ) throws {
        let digests = record.digests(verdict.decision)
        // A benchmark entrant takes no throne, whatever the rule says of its scores.
        let wouldBe = contest.isBenchmark && verdict.decision == .dethroned ? verdict.decision : nil
        let outcome = wouldBe == nil ? verdict.decision : .championKeeps
        try store(verdict, outcome, wouldBe, of: contest, digests: digests, used: used, in: &session)
        let block = try session.run(HeadBlock()).first ?? 0
        switch outcome {
        case .dethroned: try dethrone(contest, block: block, in: &session)
        case .championKeeps: try keepChampion(contest, verdict, isSettled: isSettled, in: &session)
        case .void: try void(contest, verdict, in: &session)
        }
        _ = try session.run(
            RecordEvent(
                kind: "contest.decided", subject: "contest \(contest.id)", reason: outcome.rawValue,
                detail: #"{"outcome":"\#(digests.outcome.hex)","evidence":"\#(digests.evidence.hex)"}"#))
    }

    /// Sums say whether there can be a verdict, unless the rule asks for more; the record, from which it is taken, is read
    /// when there can.
    private func mayBeOver(_ contest: StoredContest, in session: inout Session) throws -> Bool {
        guard contest.rule.needsOnlySums else { return true }
        let tallies = try session.run(LoadTallies(contest: contest.id)).map { ($0.environment, $0.tally) }
        return try contest.rule.conclude(Dictionary(uniqueKeysWithValues: tallies), finished: false) != nil
    }

    private func store(
        _ verdict: Verdict, _ outcome: Verdict.Decision, _ wouldBe: Verdict.Decision?, of contest: StoredContest,
        digests: ContestDigests,
        used: [EnvironmentName: UsedPositions], in session: inout Session
    ) throws {
        for report in verdict.environments {
            _ = try session.run(
                InsertContestEnvironment(contest: contest.id, report: report, used: used[report.environment]))
        }
        _ = try session.run(
            CloseContest(
                contest: contest.id, decision: outcome, wouldBe: wouldBe, reasons: verdict.environments.map(\.reason),
                outcome: digests.outcome.bytes, evidence: digests.evidence.bytes))
    }

    /// The throne and all the weight move now. The winner's evaluation runs on to the end of the slate, since the next
    /// contests of this window are held against it; like any baseline it gets another round if infrastructure spoilt it.
    private func dethrone(_ contest: StoredContest, block: Int64, in session: inout Session) throws {
        _ = try session.run(
            SetMinerState(
                hotkey: contest.champion.hotkey, state: "terminated", reason: "dethroned in contest \(contest.id)"))
        _ = try session.run(
            SetMinerState(hotkey: contest.challenger.hotkey, state: "champion", reason: "won contest \(contest.id)"))
        _ = try session.run(EndReign(block: block))
        try beginReign(
            contest.id.rawValue, hotkey: contest.challenger.hotkey, contest: contest.id, block: block, in: &session)
        _ = try session.run(
            SetBaseline(window: contest.window, evaluation: contest.challengerEvaluation, isNewChampion: true))
    }

    private func keepChampion(
        _ contest: StoredContest, _ verdict: Verdict, isSettled: Bool, in session: inout Session
    ) throws {
        let reasons = verdict.environments.filter { $0.state != .won }.map(\.reason).joined(separator: "; ")
        let reason =
            verdict.decision == .dethroned
            ? "won contest \(contest.id) as a benchmark entrant: the champion keeps the throne"
            : "lost contest \(contest.id): \(reasons)"
        _ = try session.run(
            SetMinerState(hotkey: contest.challenger.hotkey, state: "terminated", reason: reason))
        try end(
            contest.challengerEvaluation, state: isSettled ? .complete : .cancelled,
            reason: isSettled ? "every job is settled" : "curtailed", in: &session)
    }

    /// Nobody's fault: the miner returns to its place in the queue, to be called again after a pause that grows, until that
    /// has happened too often.
    private func void(_ contest: StoredContest, _ verdict: Verdict, in session: inout Session) throws {
        try end(contest.challengerEvaluation, state: .cancelled, reason: "contest \(contest.id) is void", in: &session)
        let voids = try session.run(CountVoid(hotkey: contest.challenger.hotkey, pause: settings.voidPause)).first ?? 0
        let isUndeployable = voids >= settings.voidContests
        _ = try session.run(
            SetMinerState(
                hotkey: contest.challenger.hotkey, state: isUndeployable ? "terminated" : "pending",
                reason: isUndeployable ? "undeployable: \(voids) contests were void" : "contest \(contest.id) was void")
        )
    }
}

private struct LoadProgress: Statement {
    struct Progress: Sendable {
        var planned: Int64
        var ended: Int64
    }

    static let sql = """
        SELECT sum(ee.planned)::bigint, sum(COALESCE(s.jobs, 0) + done.jobs)::bigint
        FROM affine.evaluation_environment ee
        LEFT JOIN unnest($3::int2[], $4::int4[]) AS s (environment, jobs) ON s.environment = ee.environment
        CROSS JOIN LATERAL (
            SELECT count(*) AS jobs FROM affine.attempt a
            WHERE a.window_id = $1 AND a.evaluation = ee.evaluation AND a.environment = ee.environment AND a.final
              AND a.position >= COALESCE(s.jobs, 0)) AS done
        WHERE ee.evaluation = $2
        """
    var contest: StoredContest
    /// Its leading jobs of these are known to have ended.
    var settled: SettledResults?

    func bind(_ bindings: inout Bindings) {
        bindings.append(contest.window)
        bindings.append(contest.challengerEvaluation)
        bindings.append(settled?.environments ?? [])
        bindings.append((settled?.counts ?? []).map { Int32($0) })
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Progress {
        try Progress(planned: row.next(), ended: row.next())
    }
}

/// Each environment's running sums.
private struct LoadTallies: Statement {
    static let sql = """
        SELECT environment, tasks::bigint, champion_sum_nano, decided::bigint, challenger_sum_nano
        FROM ops.contest_standing WHERE contest = $1
        """
    var contest: ContestID
    func bind(_ bindings: inout Bindings) { bindings.append(contest) }

    static func decode(
        _ row: inout RowReader
    ) throws(PostgresError) -> (environment: EnvironmentName, tally: EnvironmentTally) {
        let environment: EnvironmentName = try row.next()
        let tasks: Int64 = try row.next()
        let champion: Int64 = try row.next()
        let decided: Int64 = try row.next()
        let challenger: Int64 = try row.next()
        return (
            environment,
            EnvironmentTally(
                tasks: tasks, championSum: ScoreSum(nano: Int128(champion)), decided: decided,
                challengerSum: ScoreSum(nano: Int128(challenger)))
        )
    }
}

private struct HeadBlock: Statement {
    static let sql = "SELECT max(number) FROM affine.chain_block HAVING max(number) IS NOT NULL"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct InsertContestEnvironment: Statement {
    static let sql = """
        INSERT INTO affine.contest_environment (contest, environment, tasks, decided, champion_sum_nano, challenger_lo_nano,
                                                challenger_hi_nano, lower_nano, upper_nano, standing, reason, used)
        SELECT c.id, n.id, $3, $4, $5, $6, $7, $8, $9, $10, $11,
               COALESCE((SELECT range_agg(int4range(l, u)) FROM unnest($12::int4[], $13::int4[]) AS used (l, u)), '{}')
        FROM affine.contest c, affine.environment n WHERE c.id = $1 AND n.name = $2
        """
    var contest: ContestID
    var report: EnvironmentReport
    /// The challenger's jobs that the record holds.
    var used: UsedPositions?

    func bind(_ bindings: inout Bindings) {
        bindings.append(contest)
        bindings.append(report.environment)
        bindings.append(Int32(clamping: report.tasks))
        bindings.append(Int32(clamping: report.decided))
        bindings.append(Int64(clamping: report.championSum.nano))
        bindings.append(Int64(clamping: report.challengerLowestSum.nano))
        bindings.append(Int64(clamping: report.challengerHighestSum.nano))
        bindings.append(Int64(clamping: report.lowestSlack.nano))
        bindings.append(Int64(clamping: report.highestSlack.nano))
        bindings.append(report.state.rawValue)
        bindings.append(report.reason)
        bindings.append(used?.lower ?? [])
        bindings.append(used?.upper ?? [])
    }
}

private struct CloseContest: Statement {
    static let sql = """
        UPDATE affine.contest
        SET state = (CASE WHEN $2 = 'void' THEN 'void' ELSE 'decided' END)::affine.contest_state,
            verdict = $2::text::affine.verdict, reasons = to_jsonb($3::text[]), outcome_digest = $4, evidence_digest = $5,
            would_be = $6::text::affine.verdict, decided_at = clock_timestamp()
        WHERE id = $1
        """
    var contest: ContestID
    var decision: Verdict.Decision
    var wouldBe: Verdict.Decision?
    var reasons: [String]
    var outcome: [UInt8]
    var evidence: [UInt8]

    func bind(_ bindings: inout Bindings) {
        bindings.append(contest)
        bindings.append(decision.rawValue)
        bindings.append(reasons)
        bindings.append(outcome)
        bindings.append(evidence)
        bindings.append(wouldBe?.rawValue)
    }
}

private struct CountVoid: Statement {
    static let sql = """
        UPDATE affine.miner
        SET void_contests = void_contests + 1,
            not_before = clock_timestamp() + make_interval(secs => $2::float8 * (void_contests + 1))
        WHERE hotkey = $1 RETURNING void_contests
        """
    var hotkey: Hotkey
    var pause: Duration

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(pause / .seconds(1))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int16 { try row.next() }
}
