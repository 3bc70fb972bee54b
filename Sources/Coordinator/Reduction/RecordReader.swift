internal import Domain
internal import Postgres
internal import Records
internal import Rules
internal import Synchronization

/// Assembles contest records from the job history. What the contests of a window share, its slate and the champion's
/// results, is read once for contests that follow one another.
struct RecordReader: Sendable {
    /// The slate of a window: per environment the tasks in slate order.
    private var slate: (window: WindowID, environments: [SlateEnvironment])?
    private var baseline: (evaluation: EvaluationID, columns: [ResultColumn])?
    /// What the running contest's challenger has that can't change any more.
    private var settled: SettledResults?

    /// How many jobs' results are held at once while they are put in their places: what bounds memory for contests of any
    /// size.
    private let page: Int

    init(page: Int = ArenaSettings().resultPage) {
        self.page = page
    }

    /// What was read ahead of an evaluation.
    func settled(of evaluation: EvaluationID) -> SettledResults? {
        settled?.evaluation == evaluation ? settled : nil
    }

    /// What the contest's verdict follows from, and which of the challenger's jobs that takes in. A running contest is
    /// given every final result there is; one that is over exactly those it was decided on.
    mutating func record(
        of contest: StoredContest, in session: inout Session
    ) throws -> (record: ContestRecord, used: [EnvironmentName: UsedPositions]) {
        try prepare(contest, in: &session)
        let (slate, champion) = (slate?.environments ?? [], baseline?.columns ?? [])
        let wanted = contest.state == .running ? nil : try session.run(LoadUsed(contest: contest.id))
        let known = wanted == nil ? settled(of: contest.challengerEvaluation) : nil
        let (challenger, used) = try results(
            of: contest.challengerEvaluation, in: contest.window, on: slate, after: known, wanted: wanted, in: &session)
        let slates = slate.indices.map { index in
            EnvironmentSlate(
                environment: slate[index].name, ids: slate[index].tasks, champion: champion[index],
                challenger: challenger[index])
        }
        let record = try ContestRecord(
            window: contest.window, rule: contest.rule, champion: contest.champion, challenger: contest.challenger,
            slates: slates)
        return (record, Dictionary(uniqueKeysWithValues: zip(slate.map(\.name), used)))
    }

    /// Reads what is known before the challenger has run: the slate and the champion's results.
    mutating func prepare(_ contest: StoredContest, in session: inout Session) throws {
        if slate?.window != contest.window {
            let environments = try session.run(FindSlates(window: contest.window)).flatMap { environment in
                try session.run(LoadSlate(window: contest.window, environment: environment))
            }
            slate = (contest.window, environments)
            baseline = nil
        }
        guard let slate, baseline?.evaluation != contest.championEvaluation else { return }
        let results = try results(
            of: contest.championEvaluation, in: contest.window, on: slate.environments, uncounted: .scored(.one),
            in: &session)
        baseline = (contest.championEvaluation, results.columns)
    }

    /// Reads the leading pages of a running challenger's results that are complete, so that little is left to read once its last
    /// result has come. Contests that fit in one page are read whole, when they are over.
    mutating func readAhead(_ contest: StoredContest, in session: inout Session) throws {
        try prepare(contest, in: &session)
        guard let slate = slate?.environments else { return }
        let large = slate.indices.filter { !slate[$0].isDerived && slate[$0].tasks.count > page }
        guard !large.isEmpty, let timeline = try session.run(FindTimeline()).first else { return }
        var known = SettledResults(contest.challengerEvaluation, timeline, slate)
        if let before = settled(of: contest.challengerEvaluation), before.timeline == timeline { known = before }
        for index in large {
            while let next = try completePage(of: contest, slate[index], after: known.counts[index], in: &session) {
                let jobs = try session.run(
                    LoadJobs(evaluation: contest.challengerEvaluation, environments: [slate[index].id]))
                let places = slate[index].places(of: jobs.first?.tasks ?? [])
                next.results.enter(into: &known.columns[index], at: places, wanted: nil, uncounted: nil)
                known.used[index].append(next.results.scored + next.results.unscored)
                known.counts[index] = next.end
            }
        }
        settled = known
    }

    /// The results of the page that begins at a position, if all of them are there.
    private func completePage(
        of contest: StoredContest, _ environment: SlateEnvironment, after first: Int, in session: inout Session
    ) throws -> (results: JobResults, end: Int)? {
        let end = min(first + page, environment.tasks.count)
        guard first < end else { return nil }
        func results(at positions: Range<Int>) throws -> JobResults? {
            let page = ResultPage(
                window: contest.window, evaluation: contest.challengerEvaluation, environments: [environment.id],
                positions: positions)
            return try session.run(LoadResults(page: page)).first
        }
        // Nothing is read in vain as long as jobs end about in their order.
        guard try results(at: end - 1..<end) != nil, let all = try results(at: first..<end),
            all.scored.count + all.unscored.count == end - first
        else { return nil }
        return (all, end)
    }

    /// One column for each of the slate's environments, and the positions whose results are in it. An evaluation's jobs
    /// are in an order of its own and may reach beyond the slate.
    ///
    /// - Parameters:
    ///   - known: What was read before.
    ///   - wanted: The positions that count; nil when all do.
    ///   - uncounted: What a score of a derived environment is whose tokens nobody counted.
    private func results(
        of evaluation: EvaluationID, in window: WindowID, on slate: [SlateEnvironment],
        after known: SettledResults? = nil, wanted: [UsedPositions]? = nil, uncounted: TaskResult? = nil,
        in session: inout Session
    ) throws -> (columns: [ResultColumn], used: [UsedPositions]) {
        var columns = known?.columns ?? slate.map { ResultColumn(missing: $0.tasks.count) }
        var used = known?.used ?? slate.map { UsedPositions(environment: $0.id) }
        for group in groups(of: slate) {
            // A large environment is alone in its group.
            let begin = known?.counts[group[0]] ?? 0
            guard begin < slate[group[0]].tasks.count else { continue }
            let jobs = try session.run(LoadJobs(evaluation: evaluation, environments: group.map { slate[$0].id }))
            let places = group.map { index in
                jobs.first { $0.environment == slate[index].id }.map { slate[index].places(of: $0.tasks) } ?? []
            }
            for first in stride(from: begin, to: places.map(\.count).max() ?? 0, by: page) {
                let range = ResultPage(
                    window: window, evaluation: evaluation, environments: jobs.map(\.environment),
                    positions: first..<first + page)
                let isDerived = slate[group[0]].isDerived
                for results in try isDerived
                    ? session.run(LoadDerivedResults(page: range)) : session.run(LoadResults(page: range))
                {
                    guard
                        let (index, places) = zip(group, places).first(where: { slate[$0.0].id == results.environment })
                    else { continue }
                    let chosen = wanted.map { wanted in
                        wanted.first { $0.environment == results.environment }
                            ?? UsedPositions(environment: results.environment)
                    }
                    results.enter(into: &columns[index], at: places, wanted: chosen, uncounted: uncounted)
                    used[index].append(results.scored + results.unscored)
                }
            }
        }
        return (columns, used)
    }

    /// Environments that are read together: small ones in one go, large and derived ones one by one.
    private func groups(of slate: [SlateEnvironment]) -> [[Int]] {
        var groups: [[Int]] = []
        var tasks = 0
        for index in slate.indices.sorted(by: { !slate[$0].isDerived && slate[$1].isDerived }) {
            tasks += slate[index].tasks.count
            if groups.isEmpty || tasks > page || slate[index].isDerived {
                groups.append([])
                tasks = slate[index].tasks.count
            }
            groups[groups.count - 1].append(index)
        }
        return groups
    }
}

/// Results of a challenger that are final: per environment of the slate those of its leading jobs, without a gap.
///
/// An attempt is never changed, so that they need not be read again; unless a standby took over that had not received them,
/// which begins another timeline.
struct SettledResults: Sendable {
    let evaluation: EvaluationID
    let timeline: String
    fileprivate(set) var columns: [ResultColumn]
    fileprivate(set) var used: [UsedPositions]
    /// How many jobs that is, in each environment.
    fileprivate(set) var counts: [Int]
    let environments: [Int16]

    fileprivate init(_ evaluation: EvaluationID, _ timeline: String, _ slate: [SlateEnvironment]) {
        self.evaluation = evaluation
        self.timeline = timeline
        columns = slate.map { ResultColumn(missing: $0.tasks.count) }
        used = slate.map { UsedPositions(environment: $0.id) }
        counts = slate.map { _ in 0 }
        environments = slate.map(\.id)
    }
}

/// What a coordinator has read for the contest that runs, kept from one look to the next.
final class PreparedRecord: Sendable {
    private let reader: Mutex<RecordReader>

    init(page: Int) {
        reader = Mutex(RecordReader(page: page))
    }

    var value: RecordReader {
        get { reader.withLock { $0 } }
        set { reader.withLock { $0 = newValue } }
    }
}

/// One environment of a window's slate.
struct SlateEnvironment: Sendable {
    let id: Int16
    let name: EnvironmentName
    /// Without jobs of its own.
    let isDerived: Bool
    /// In slate order.
    let tasks: [TaskID]

    /// Where the tasks stand on the slate, one for each of `jobs`; nil for those beyond it.
    func places(of jobs: [TaskID]) -> [Int32?] {
        guard let lowest = tasks.min()?.rawValue, let highest = tasks.max()?.rawValue else {
            return jobs.map { _ in nil }
        }
        let span = UInt64(bitPattern: highest &- lowest)
        guard span < UInt64(tasks.count) * 8 else {
            let places = Dictionary(uniqueKeysWithValues: zip(tasks, Int32(0)...))
            return jobs.map { places[$0] }
        }
        // As a rule a slate takes a good part of a range of ids, where a table takes a tenth of a dictionary's time.
        var table = [Int32?](repeating: nil, count: Int(span) + 1)
        for (place, task) in tasks.enumerated() { table[Int(task.rawValue - lowest)] = Int32(place) }
        return jobs.map { (lowest...highest).contains($0.rawValue) ? table[Int($0.rawValue - lowest)] : nil }
    }
}

extension JobResults {
    /// - Parameter places: The slate position of each job; nil for those beyond the slate.
    fileprivate func enter(
        into column: inout ResultColumn, at places: [Int32?], wanted: UsedPositions?, uncounted: TaskResult?
    ) {
        for (position, score) in zip(scored, scores) where wanted?.contains(position) != false {
            guard let place = places[Int(position)] else { continue }
            column[Int(place)] = .scored(Score(nano: score))
        }
        for (position, word) in zip(unscored, outcomes) where wanted?.contains(position) != false {
            guard let place = places[Int(position)] else { continue }
            let outcome = Outcome(rawValue: word)
            column[Int(place)] =
                outcome == .scored ? uncounted : outcome.flatMap { TaskResult(outcome: $0, score: nil) }
        }
    }
}
