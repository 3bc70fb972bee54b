import Domain

extension MarginRuleCase {
    /// Fields that the engine does not need, such as the expected verdicts, are left alone.
    init(parsing json: ExactJSON, index: Int) throws(InvalidValue) {
        var fields = try JSONFields(json, path: "cases[\(index)]")
        let (id, path) = try Self.identity(&fields)
        fields.path = path
        let minDominant = try fields.integer("min_dominant_envs", in: 0...Int64(RuleDocument.maxEnvironments))
        var environments: [(name: String, standing: Standing)] = []
        for item in try fields.array("envs", expected: "a list of at least one environment", minCount: 1) {
            let environment = try Self.environment(item, path: path)
            guard !environments.contains(where: { $0.name == environment.name }) else {
                throw InvalidValue(field: "\(path).envs", value: environment.name, expected: "each environment once")
            }
            environments.append(environment)
        }
        self.id = id
        self.environments = environments
        kind = minDominant == 0 ? StrictMargin() : PartialPareto(minDominant: Int(minDominant))
    }

    private static func identity(_ fields: inout JSONFields) throws(InvalidValue) -> (JSONValue, path: String) {
        let json = try fields.take("id", expected: "an integer or a string")
        switch json {
        case .string(let text): return (.string(text), "case '\(text)'")
        case .number(let text):
            guard let value = Int64(text) else { break }
            return (.integer(value), "case \(value)")
        default: break
        }
        throw InvalidValue(field: fields.name(of: "id"), value: json.canonical, expected: "an integer or a string")
    }

    private static func environment(
        _ json: ExactJSON, path: String
    ) throws(InvalidValue) -> (name: String, standing: Standing) {
        var fields = try JSONFields(json, path: "\(path).envs")
        let name = try fields.string("env", expected: "the environment's name")
        fields.path = "\(path).\(name)"
        let margin = try fields.decimal("margin", in: Score.zero...maxScore)
        let minTasks = try fields.integer("min_tasks_per_env", in: 0...RuleDocument.maxSamplingCount)
        let terms = EnvironmentTerms(
            bounds: bounds, margin: margin, samplingCount: minTasks, tolerance: try tolerance(&fields))
        let tasks = try fields.array("tasks", expected: "a list of [task id, champion score, challenger score]")
        let tally = try tally(tasks, path: fields.name(of: "tasks"))
        return (name, Standing(terms: terms, tally: tally))
    }

    private static func tolerance(_ fields: inout JSONFields) throws(InvalidValue) -> Tolerance {
        if try fields.bool("additive") {
            .additive(try fields.decimal("additive_margin", in: Score.zero...maxScore))
        } else {
            .multiplicative(try fields.decimal("not_worse_tolerance", in: Score.zero...Score.one))
        }
    }

    private static func tally(_ tasks: [ExactJSON], path: String) throws(InvalidValue) -> EnvironmentTally {
        var tally = EnvironmentTally()
        var seen: Set<Int64> = []
        for (index, task) in tasks.enumerated() {
            guard case .array(let parts) = task, parts.count == 3, case .number(let text) = parts[0],
                let id = Int64(text)
            else {
                throw InvalidValue(
                    field: "\(path)[\(index)]", value: task.canonical,
                    expected: "[task id, champion score, challenger score]")
            }
            guard seen.insert(id).inserted else {
                throw InvalidValue(
                    field: "\(path)[\(index)]", value: text, expected: "each task id once in an environment")
            }
            let champion = try score(parts[1], name: "\(path)[\(index)] (task \(id)) champion score")
            let challenger = try score(parts[2], name: "\(path)[\(index)] (task \(id)) challenger score")
            tally.add(champion: champion, challenger: .decided(challenger))
        }
        return tally
    }

    private static func score(_ json: ExactJSON, name: @autoclosure () -> String) throws(InvalidValue) -> Score {
        guard let score = Score(exactly: json), bounds.contains(score) else {
            throw InvalidValue(
                field: name(), value: json.canonical, expected: "a number in \(bounds) with at most nine decimals")
        }
        return score
    }

    /// With every task decided no bound is ever used; this one keeps a mistyped score from passing.
    private static let maxScore = Score(nano: 1_000_000 * Score.unit)
    private static let bounds: ScoreBounds = {
        guard let bounds = ScoreBounds(lo: Score(nano: -maxScore.nano), hi: maxScore) else {
            preconditionFailure("the bounds of a margin-rule file are not in order")
        }
        return bounds
    }()
}
