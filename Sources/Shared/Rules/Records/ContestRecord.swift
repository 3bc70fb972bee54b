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
    /// Sorted by environment.
    public let slates: [EnvironmentSlate]
    /// Each slate's sums within the rule's bounds.
    let sums: [EnvironmentTally]

    /// - Throws: `InvalidValue` unless there is exactly one slate for each environment of the rule, with `sampling_count`
    ///   tasks, none twice, every score within the bounds.
    public init(
        window: WindowID, rule: RuleDocument, champion: ContestIdentity, challenger: ContestIdentity,
        slates: [EnvironmentSlate]
    ) throws(InvalidValue) {
        self.window = window
        self.rule = rule
        self.champion = champion
        self.challenger = challenger
        self.slates = slates.sorted { $0.environment < $1.environment }
        let (named, given) = (rule.environments.map(\.name), self.slates.map(\.environment))
        guard named == given else {
            throw InvalidValue(
                field: "slates", value: given.map(\.rawValue).joined(separator: ", "),
                expected: "the rule's environments, each once: \(named.map(\.rawValue).joined(separator: ", "))")
        }
        for (slate, environment) in zip(self.slates, rule.environments) {
            try slate.check(against: environment)
            guard let source = environment.terms.derived?.source else { continue }
            guard self.slates.first(where: { $0.environment == source })?.ids == slate.ids else {
                throw InvalidValue(
                    field: "\(slate.environment).tasks", value: "\(slate.count) tasks",
                    expected: "the slate of \(source), from which it is derived")
            }
        }
        sums = zip(self.slates, rule.environments).map { $0.tally(within: $1.terms.bounds) }
    }

    /// The same from tasks in any order.
    ///
    /// - Throws: `InvalidValue`, also unless each environment's positions are 0, 1, 2 and so on.
    public init(
        window: WindowID, rule: RuleDocument, champion: ContestIdentity, challenger: ContestIdentity, tasks: [SlateTask]
    ) throws(InvalidValue) {
        var slates: [EnvironmentSlate] = []
        for (environment, tasks) in Dictionary(grouping: tasks, by: \.environment).sorted(by: { $0.key < $1.key }) {
            slates.append(try EnvironmentSlate(environment: environment, tasks: tasks))
        }
        try self.init(window: window, rule: rule, champion: champion, challenger: challenger, slates: slates)
    }

    /// Every task, sorted by environment and slate position.
    public var tasks: [SlateTask] { slates.flatMap(Array.init) }

    /// An environment's slate; nil for one that the rule does not name.
    public func slate(of environment: EnvironmentName) -> EnvironmentSlate? {
        slates.first { $0.environment == environment }
    }

    /// The same contest under another rule, for `whatif`: environments that the rule does not name are left out, and
    /// of the others the first `sampling_count` tasks count.
    ///
    /// - Throws: `InvalidValue` when the slate is too short for the rule, or the rule derives scores in another way.
    public func under(_ other: RuleDocument) throws(InvalidValue) -> ContestRecord {
        for environment in other.environments {
            let (wanted, own) = (environment.terms.derived, rule.terms(of: environment.name)?.derived)
            guard wanted == own else {
                throw InvalidValue(
                    field: "environments.\(environment.name).derived", value: wanted?.json.canonical ?? "absent",
                    expected: "\(own?.json.canonical ?? "none"): the scores were made that way")
            }
        }
        let kept = other.environments.compactMap { environment in
            slate(of: environment.name)?.prefix(environment.terms.samplingCount)
        }
        return try ContestRecord(window: window, rule: other, champion: champion, challenger: challenger, slates: kept)
    }
}

extension ContestRecord: Codable {
    enum CodingKeys: String, CodingKey {
        case window, rule, champion, challenger, slates
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            window: container.decode(WindowID.self, forKey: .window),
            rule: container.decode(RuleDocument.self, forKey: .rule),
            champion: container.decode(ContestIdentity.self, forKey: .champion),
            challenger: container.decode(ContestIdentity.self, forKey: .challenger),
            slates: container.decode([EnvironmentSlate].self, forKey: .slates))
    }
}
