public import Domain

/// One environment's slate with what both sides have to show: a collection of its tasks in slate order, kept in columns.
public struct EnvironmentSlate: Hashable, Sendable, RandomAccessCollection {
    public let environment: EnvironmentName
    /// The tasks' ids, in slate order.
    public let ids: [TaskID]
    public let champion: ResultColumn
    public let challenger: ResultColumn

    /// The columns have to be of one length.
    public init(environment: EnvironmentName, ids: [TaskID], champion: ResultColumn, challenger: ResultColumn) {
        precondition(champion.count == ids.count && challenger.count == ids.count, "columns of different lengths")
        self.environment = environment
        self.ids = ids
        self.champion = champion
        self.challenger = challenger
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { ids.count }

    public subscript(position: Int) -> SlateTask {
        SlateTask(
            environment: environment, position: position, task: ids[position],
            champion: champion[position] ?? .infraFault, challenger: challenger[position])
    }

    /// The sums that a rule needs to know of it.
    func tally(within bounds: ScoreBounds) -> EnvironmentTally {
        var (championSum, challengerSum) = (Int128(0), Int128(0))
        var decided: Int64 = 0
        for position in indices {
            championSum += Int128(champion.counted(position, within: bounds) ?? bounds.lo.nano)
            guard let score = challenger.counted(position, within: bounds) else { continue }
            challengerSum += Int128(score)
            decided += 1
        }
        return EnvironmentTally(
            tasks: Int64(count), championSum: ScoreSum(nano: championSum), decided: decided,
            challengerSum: ScoreSum(nano: challengerSum))
    }

    /// The challenger's decided scores that are highest (or lowest), as many as `count` if there are so many: how many
    /// there are, and their sum.
    func extremes(_ count: Int64, highest: Bool, within bounds: ScoreBounds) -> (count: Int64, sum: ScoreSum) {
        let sorted = indices.compactMap { challenger.counted($0, within: bounds) }.sorted()
        let chosen = highest ? sorted.suffix(Int(count)) : sorted.prefix(Int(count))
        return (Int64(chosen.count), ScoreSum(nano: chosen.reduce(0) { $0 + Int128($1) }))
    }

    /// Its first `count` tasks, or all there are.
    func prefix(_ count: Int64) -> EnvironmentSlate {
        count >= ids.count ? self : filtered { $0.position < count }
    }

    /// The tasks that fulfil the condition, in the same order.
    func filtered(_ isKept: (SlateTask) -> Bool) -> EnvironmentSlate {
        let kept = filter(isKept)
        return EnvironmentSlate(
            environment: environment, ids: kept.map(\.task), champion: ResultColumn(kept.map(\.champion)),
            challenger: ResultColumn(kept.map(\.challenger)))
    }

    /// - Throws: `InvalidValue` unless it has the rule's number of tasks, each once, and every score is within bounds.
    func check(against environment: RuleEnvironment) throws(InvalidValue) {
        let (name, terms) = (environment.name, environment.terms)
        guard count == Int(terms.samplingCount) else {
            throw InvalidValue(
                field: "\(name).tasks", value: String(count),
                expected: "\(terms.samplingCount), the rule's sampling_count")
        }
        let sorted = ids.sorted()
        if let twice = zip(sorted, sorted.dropFirst()).first(where: { $0 == $1 }) {
            throw InvalidValue(field: "\(name).task", value: twice.0.description, expected: "each task once")
        }
        for column in [champion, challenger] {
            for (position, result) in column.enumerated() {
                guard let score = result?.score, !terms.bounds.contains(score) else { continue }
                throw InvalidValue(
                    field: "\(name).\(ids[position]).score", value: score.description,
                    expected: "a score in \(terms.bounds)")
            }
        }
    }
}

extension EnvironmentSlate {
    /// - Throws: `InvalidValue` unless the tasks' positions are 0, 1, 2 and so on, in whatever order they come.
    init(environment: EnvironmentName, tasks: [SlateTask]) throws(InvalidValue) {
        let sorted = tasks.sorted { $0.position < $1.position }
        for (position, task) in sorted.enumerated() where task.position != position {
            throw InvalidValue(
                field: "\(environment).position", value: String(task.position),
                expected: "\(position), each position once")
        }
        self.init(
            environment: environment, ids: sorted.map(\.task), champion: ResultColumn(sorted.map(\.champion)),
            challenger: ResultColumn(sorted.map(\.challenger)))
    }
}

extension EnvironmentSlate: Codable {
    enum CodingKeys: String, CodingKey {
        case environment, champion, challenger
        case ids = "tasks"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let environment = try container.decode(EnvironmentName.self, forKey: .environment)
        let ids = try container.decode([TaskID].self, forKey: .ids)
        let champion = try container.decode(ResultColumn.self, forKey: .champion)
        let challenger = try container.decode(ResultColumn.self, forKey: .challenger)
        for (side, column) in [("champion", champion), ("challenger", challenger)] where column.count != ids.count {
            throw InvalidValue(
                field: "\(environment).\(side)", value: "\(column.count) results",
                expected: "one for each of \(ids.count) tasks")
        }
        self.init(environment: environment, ids: ids, champion: champion, challenger: challenger)
    }
}
