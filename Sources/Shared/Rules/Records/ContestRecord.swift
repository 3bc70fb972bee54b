public import Domain

/// Who met: a hotkey and the model it committed.
public struct ContestIdentity: Hashable, Sendable {
    public let hotkey: Hotkey
    public let model: ModelReference

    public init(hotkey: Hotkey, model: ModelReference) {
        self.hotkey = hotkey
        self.model = model
    }
}

/// The model is stored as `owner/name@revision` and checked when read: nothing that a digest covers can hold a line feed.
extension ContestIdentity: Codable {
    enum CodingKeys: String, CodingKey {
        case hotkey, model
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hotkey = try container.decode(Hotkey.self, forKey: .hotkey)
        model = try ModelReference(container.decode(String.self, forKey: .model))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(hotkey, forKey: .hotkey)
        try container.encode(model.description, forKey: .model)
    }
}

/// Everything a contest's verdict follows from, and nothing else: enough to replay it anywhere.
public struct ContestRecord: Hashable, Sendable {
    public let window: WindowID
    public let rule: RuleDocument
    public let champion: ContestIdentity
    public let challenger: ContestIdentity
    /// Sorted by environment and slate position, however the rows arrived.
    public let tasks: [SlateTask]

    /// - Throws: `InvalidValue` unless the tasks are exactly a slate of the rule: each environment with
    ///   `sampling_count` tasks, no task or position twice, every score within the bounds.
    public init(
        window: WindowID, rule: RuleDocument, champion: ContestIdentity, challenger: ContestIdentity, tasks: [SlateTask]
    ) throws(InvalidValue) {
        self.window = window
        self.rule = rule
        self.champion = champion
        self.challenger = challenger
        self.tasks = tasks.sorted { ($0.environment, $0.position) < ($1.environment, $1.position) }
        var matched = 0
        for environment in rule.environments {
            let slate = slate(of: environment.name)
            try Self.check(slate, against: environment)
            matched += slate.count
        }
        guard matched == tasks.count else {
            let stray = self.tasks.first { rule.terms(of: $0.environment) == nil }
            throw InvalidValue(
                field: "tasks", value: stray?.environment.rawValue ?? "", expected: "environments that the rule names")
        }
    }

    /// An environment's tasks in slate order.
    public func slate(of environment: EnvironmentName) -> ArraySlice<SlateTask> {
        let start = tasks.partitioningIndex { $0.environment >= environment }
        let end = tasks.partitioningIndex { $0.environment > environment }
        return tasks[start..<end]
    }

    /// The same contest under another rule, for `whatif`: environments that the rule does not name are left out, and
    /// of the others the first `sampling_count` tasks count.
    ///
    /// - Throws: `InvalidValue` when the slate is too short for the rule.
    public func under(_ other: RuleDocument) throws(InvalidValue) -> ContestRecord {
        var kept: [SlateTask] = []
        for environment in other.environments {
            kept += slate(of: environment.name).prefix(Int(environment.terms.samplingCount))
        }
        return try ContestRecord(window: window, rule: other, champion: champion, challenger: challenger, tasks: kept)
    }

    private static func check(_ slate: ArraySlice<SlateTask>, against environment: RuleEnvironment) throws(InvalidValue)
    {
        let (name, terms) = (environment.name, environment.terms)
        guard slate.count == Int(terms.samplingCount) else {
            throw InvalidValue(
                field: "\(name).tasks", value: String(slate.count),
                expected: "\(terms.samplingCount), the rule's sampling_count")
        }
        var seen: Set<TaskID> = []
        var previous: Int?
        for task in slate {
            guard seen.insert(task.task).inserted else {
                throw InvalidValue(field: "\(name).task", value: task.task.description, expected: "each task once")
            }
            guard task.position != previous else {
                throw InvalidValue(
                    field: "\(name).position", value: String(task.position), expected: "each position once")
            }
            previous = task.position
            for score in [task.champion.score, task.challenger?.score] {
                guard let score, !terms.bounds.contains(score) else { continue }
                throw InvalidValue(
                    field: "\(name).\(task.task).score", value: score.description,
                    expected: "a score in \(terms.bounds)")
            }
        }
    }
}

extension ContestRecord: Codable {
    enum CodingKeys: String, CodingKey {
        case window, rule, champion, challenger, tasks
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            window: container.decode(WindowID.self, forKey: .window),
            rule: container.decode(RuleDocument.self, forKey: .rule),
            champion: container.decode(ContestIdentity.self, forKey: .champion),
            challenger: container.decode(ContestIdentity.self, forKey: .challenger),
            tasks: container.decode([SlateTask].self, forKey: .tasks))
    }
}

extension Array {
    /// The first index whose element fulfils `belongsAfter`, which must hold for a suffix of the array.
    fileprivate func partitioningIndex(where belongsAfter: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if belongsAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
