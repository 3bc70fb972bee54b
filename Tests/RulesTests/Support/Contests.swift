import Domain
import Rules
import TestSupport

/// Small random contests whose scores lie on a coarse grid, so that ties and exact hits of the bar are common.
enum Contests {
    static let hotkey = "5F3sa2TJAWMqDhXG6jhV4N8ko9SxwGy8TpaNS1repo5EYjQX"

    static func identity(_ name: String, revision: Character = "a") throws -> ContestIdentity {
        ContestIdentity(
            hotkey: try Hotkey(hotkey),
            model: try ModelReference(repository: "miner/\(name)", revision: String(repeating: revision, count: 40)))
    }

    static func rule(_ random: inout SeededRandom, stopping: RuleDocument.Stopping = .exact) throws -> RuleDocument {
        let count = random.int(1...4)
        let isStrict = random.chance(50) || stopping == .anytime
        var environments: [RuleEnvironment] = []
        for index in 0..<count {
            let terms = try terms(&random, hasTolerance: !isStrict)
            environments.append(RuleEnvironment(name: try EnvironmentName("env\(index)"), terms: terms))
        }
        let kind: any RuleKind = isStrict ? StrictMargin() : PartialPareto(minDominant: random.int(1...count))
        return try RuleDocument(
            kind: kind, environments: random.shuffled(environments), stopping: stopping,
            alphaNano: stopping == .anytime ? 50_000_000 : nil)
    }

    private static func terms(_ random: inout SeededRandom, hasTolerance: Bool) throws -> EnvironmentTerms {
        let (lo, hi) = random.pick([(0, 1), (-1, 1), (0, 100), (-7, -3)])
        let bounds = try bounds(Int64(lo), Int64(hi))
        let span = Int64(hi - lo) * Score.unit
        let margin = Score(nano: random.pick([0, span / 8, span / 4, span / 3]))
        let tolerance: Tolerance? =
            switch (hasTolerance, random.chance(50)) {
            case (false, _): nil
            case (true, true): .multiplicative(Score(nano: random.pick([0, 20_000_000, 250_000_000])))
            case (true, false): .additive(Score(nano: random.pick([0, span / 8, span / 4])))
            }
        return EnvironmentTerms(
            bounds: bounds, margin: margin, samplingCount: Int64(random.int(1...8)), tolerance: tolerance)
    }

    static func bounds(_ lo: Int64, _ hi: Int64) throws -> ScoreBounds {
        guard let bounds = ScoreBounds(lo: Score(nano: lo * Score.unit), hi: Score(nano: hi * Score.unit)) else {
            throw InvalidValue(field: "bounds", value: "\(lo)...\(hi)", expected: "lo < hi")
        }
        return bounds
    }

    static func score(_ random: inout SeededRandom, in bounds: ScoreBounds) -> Score {
        let step = (bounds.hi.nano - bounds.lo.nano) / 4
        return Score(nano: bounds.lo.nano + Int64(random.int(0...4)) * step)
    }

    /// A slate in which both sides have results for everything, with failures of the models' own among them.
    static func completeTasks(_ random: inout SeededRandom, under rule: RuleDocument) -> [SlateTask] {
        rule.environments.flatMap { environment in
            (0..<Int(environment.terms.samplingCount)).map { position in
                let (champion, challenger) = (
                    result(&random, in: environment.terms.bounds), result(&random, in: environment.terms.bounds)
                )
                return SlateTask(
                    environment: environment.name, position: position,
                    task: TaskID(rawValue: Int64(1000 + position * 7)),
                    champion: champion, challenger: challenger)
            }
        }
    }

    private static func result(_ random: inout SeededRandom, in bounds: ScoreBounds) -> TaskResult {
        random.chance(10) ? .modelFault : .scored(score(&random, in: bounds))
    }

    static func record(_ tasks: [SlateTask], under rule: RuleDocument) throws -> ContestRecord {
        try ContestRecord(
            window: WindowID(rawValue: 7), rule: rule, champion: identity("champion"),
            challenger: identity("challenger"),
            tasks: tasks)
    }
}

extension SlateTask {
    /// The same task with another challenger result; nil for none.
    func with(challenger: TaskResult?) -> SlateTask {
        SlateTask(environment: environment, position: position, task: task, champion: champion, challenger: challenger)
    }
}

/// The rules as one would write them on paper, for finished contests: the tests' own opinion, sharing no code with the engine.
enum Paper {
    static func dethrones(_ record: ContestRecord) -> Bool {
        var dominant = 0
        var worse = 0
        for environment in record.rule.environments {
            let slate = record.tasks.filter { $0.environment == environment.name }
            let lo = Int128(environment.terms.bounds.lo.nano)
            let c = slate.reduce(Int128(0)) { $0 + ($1.champion.score.map { Int128($0.nano) } ?? lo) }
            let x = slate.reduce(Int128(0)) { $0 + ($1.challenger?.score.map { Int128($0.nano) } ?? lo) }
            let n = Int128(slate.count)
            let isDominant = x - c > n * Int128(environment.terms.margin.nano)
            dominant += isDominant ? 1 : 0
            let isWithin =
                switch environment.terms.tolerance {
                case .multiplicative(let part): x * 1_000_000_000 >= c * (1_000_000_000 - Int128(part.nano))
                case .additive(let distance): x - c >= -n * Int128(distance.nano)
                case nil: false
                }
            worse += isDominant || isWithin ? 0 : 1
        }
        if let pareto = record.rule.kind as? PartialPareto { return dominant >= pareto.minDominant && worse == 0 }
        return dominant == record.rule.environments.count
    }
}
