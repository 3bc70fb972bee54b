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

    /// How many jobs' results are held at once while they are put in their places: what bounds memory for contests of any
    /// size.
    private static let page = 50_000

    /// What the contest's verdict follows from, and which of the challenger's jobs that takes in. A running contest is
    /// given every final result there is; one that is over exactly those it was decided on.
    mutating func record(
        of contest: StoredContest, in session: inout Session
    ) throws -> (record: ContestRecord, used: [EnvironmentName: UsedPositions]) {
        try prepare(contest, in: &session)
        let (slate, champion) = (slate?.environments ?? [], baseline?.columns ?? [])
        let wanted = contest.state == .running ? nil : try session.run(LoadUsed(contest: contest.id))
        let (challenger, used) = try Self.results(
            of: contest.challengerEvaluation, in: contest.window, on: slate, wanted: wanted, in: &session)
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
        let results = try Self.results(
            of: contest.championEvaluation, in: contest.window, on: slate.environments, uncounted: .scored(.one),
            in: &session)
        baseline = (contest.championEvaluation, results.columns)
    }

    /// One column for each of the slate's environments, and the positions whose results are in it. An evaluation's jobs
    /// are in an order of its own and may reach beyond the slate.
    ///
    /// - Parameters:
    ///   - wanted: The positions that count; nil when all do.
    ///   - uncounted: What a score of a derived environment is whose tokens nobody counted.
    private static func results(
        of evaluation: EvaluationID, in window: WindowID, on slate: [SlateEnvironment],
        wanted: [UsedPositions]? = nil, uncounted: TaskResult? = nil, in session: inout Session
    ) throws -> (columns: [ResultColumn], used: [UsedPositions]) {
        var columns = slate.map { ResultColumn(missing: $0.tasks.count) }
        var used = slate.map { UsedPositions(environment: $0.id) }
        for group in groups(of: slate) {
            let jobs = try session.run(LoadJobs(evaluation: evaluation, environments: group.map { slate[$0].id }))
            let places = group.map { index in
                jobs.first { $0.environment == slate[index].id }.map { slate[index].places(of: $0.tasks) } ?? []
            }
            for first in stride(from: 0, to: places.map(\.count).max() ?? 0, by: page) {
                let page = ResultPage(
                    window: window, evaluation: evaluation, environments: jobs.map(\.environment),
                    positions: first..<first + page)
                let isDerived = slate[group[0]].isDerived
                for results in try isDerived
                    ? session.run(LoadDerivedResults(page: page)) : session.run(LoadResults(page: page))
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
    private static func groups(of slate: [SlateEnvironment]) -> [[Int]] {
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

/// What a coordinator has read for the contest that runs, kept from one look to the next.
final class PreparedRecord: Sendable {
    private let reader = Mutex(RecordReader())

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
