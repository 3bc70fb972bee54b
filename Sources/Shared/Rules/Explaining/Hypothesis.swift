public import Domain

/// What a contest would be decided under instead, for `whatif`. It never edits a verdict: it gives a second one.
public struct Hypothesis: Hashable, Sendable {
    /// Another rule; nil for the contest's own.
    public var rule: RuleDocument?
    /// A margin for every environment.
    public var margin: Score?
    /// Margins of single environments.
    public var margins: [EnvironmentName: Score]

    public init(rule: RuleDocument? = nil, margin: Score? = nil, margins: [EnvironmentName: Score] = [:]) {
        self.rule = rule
        self.margin = margin
        self.margins = margins
    }

    /// The rule that follows from it in place of a contest's own.
    ///
    /// - Throws: `InvalidValue` for a margin that the rule can't have, or of an environment that it does not name.
    public func rule(insteadOf own: RuleDocument) throws(InvalidValue) -> RuleDocument {
        let base = rule ?? own
        for name in margins.keys.sorted() where base.terms(of: name) == nil {
            throw InvalidValue(
                field: "margin", value: name.rawValue,
                expected:
                    "one of the rule's environments: \(base.environments.map(\.name.rawValue).joined(separator: ", "))")
        }
        guard margin != nil || !margins.isEmpty else { return base }
        return try base.mapTerms { name, terms in
            terms.with(margin: margins[name] ?? margin ?? terms.margin)
        }
    }
}

extension ContestRecord {
    /// The verdict under another rule, from what the record holds.
    ///
    /// - Throws: `InvalidValue` when the slate is too short for the rule, or lacks one of its environments.
    public func decide(under other: RuleDocument) throws(InvalidValue) -> Verdict {
        let isSameSlate = other.environments.elementsEqual(rule.environments) { new, own in
            new.name == own.name && new.terms.bounds == own.terms.bounds
                && new.terms.samplingCount == own.terms.samplingCount && new.terms.derived == own.terms.derived
        }
        // Of the same slate the sums are the same; only what is asked of them differs.
        return isSameSlate ? other.decide(standings(under: other)) : try under(other).decide()
    }

    /// The same contest on the tasks that are left when some are taken out on both sides.
    ///
    /// - Throws: `InvalidValue` naming the environment that no task is left in, or that has no tasks of its own.
    public func dropping(_ tasks: [EnvironmentName: Set<TaskID>]) throws(InvalidValue) -> ContestRecord {
        var kept: [EnvironmentSlate] = []
        for (slate, environment) in zip(slates, rule.environments) {
            let source = environment.terms.derived?.source
            if let source, let task = tasks[slate.environment]?.min() {
                throw InvalidValue(
                    field: "\(slate.environment).task", value: task.description,
                    expected: "a task of \(source), from which it is derived")
            }
            let dropped = tasks[source ?? slate.environment] ?? []
            kept.append(dropped.isDisjoint(with: slate.ids) ? slate : slate.filtered { !dropped.contains($0.task) })
        }
        if let empty = kept.first(where: \.isEmpty) {
            throw InvalidValue(
                field: "\(empty.environment).tasks", value: "none", expected: "at least one that is not dropped")
        }
        let counts = Dictionary(uniqueKeysWithValues: kept.map { ($0.environment, Int64($0.count)) })
        let shorter = try rule.mapTerms { name, terms in terms.with(samplingCount: counts[name] ?? terms.samplingCount)
        }
        return try ContestRecord(
            window: window, rule: shorter, champion: champion, challenger: challenger, slates: kept)
    }
}

extension RuleDocument {
    /// The same rule with other terms.
    func mapTerms(
        _ change: (EnvironmentName, EnvironmentTerms) -> EnvironmentTerms
    ) throws(InvalidValue) -> RuleDocument {
        try RuleDocument(
            kind: kind,
            environments: environments.map { RuleEnvironment(name: $0.name, terms: change($0.name, $0.terms)) },
            stopping: stopping, voidAllowance: voidAllowance, alphaNano: alphaNano)
    }
}
