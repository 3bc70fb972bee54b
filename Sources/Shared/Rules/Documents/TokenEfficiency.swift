public import Domain

/// Makes an environment a derived one: it has no tasks of its own, but scores how few tokens the source's tasks took.
///
/// With T the tokens of prompts and answers and B the budget, a task of the source scores
///
///     ⌊10⁹ · (B − min(T, B)) / B⌋ nano-units
///
/// where it has a score there: the share of the budget that was not used. Whatever has none counts here as it does there. Its
/// slate is the source's, task by task, and its bounds are 0 to 1, so that every kind of rule, curtailment and statistic
/// holds for it as for any other. A champion's score whose tokens nobody counted counts as if it had used none: what is
/// not known of the champion is not held against it. The challenger's is a missing result, which is nobody's fault.
public struct TokenEfficiency: Hashable, Sendable {
    public static let metric = "token_efficiency"
    /// What `tokenBudget` may be: so that a token makes a difference, and a sum stays far from its limit.
    public static let budgets: ClosedRange<Int64> = 1...100_000_000

    /// Whose tasks are looked at.
    public let source: EnvironmentName
    /// B: tokens of one task at and above which it scores 0.
    public let tokenBudget: Int64

    public init(source: EnvironmentName, tokenBudget: Int64) {
        self.source = source
        self.tokenBudget = tokenBudget
    }

    init(parsing json: ExactJSON, path: String) throws(InvalidValue) {
        var fields = try JSONFields(json, path: path)
        let metric = try fields.string("metric", expected: Self.metric)
        guard metric == Self.metric else {
            throw InvalidValue(field: fields.name(of: "metric"), value: metric, expected: Self.metric)
        }
        source = try EnvironmentName(fields.string("source", expected: "an environment of the rule"))
        tokenBudget = try fields.integer("token_budget", in: Self.budgets)
        try fields.finish()
    }

    var json: ExactJSON {
        .object([
            .init("metric", .string(Self.metric)), .init("source", .string(source.rawValue)),
            .init("token_budget", .integer(tokenBudget)),
        ])
    }

    /// What it scores, as a sentence's part.
    var prose: String {
        "the share of \(tokenBudget) tokens that each task of \(source) leaves unused"
    }

    /// Refuses what no slate of the source could be scored by.
    static func check(_ environments: [RuleEnvironment]) throws(InvalidValue) {
        for environment in environments {
            guard let derived = environment.terms.derived else { continue }
            let path = "environments.\(environment.name)"
            guard budgets.contains(derived.tokenBudget) else {
                throw InvalidValue(
                    field: "\(path).derived.token_budget", value: String(derived.tokenBudget),
                    expected: "\(budgets.lowerBound) to \(budgets.upperBound)")
            }
            guard environment.terms.bounds == .zeroToOne else {
                throw InvalidValue(
                    field: "\(path).bounds", value: environment.terms.bounds.description,
                    expected: "\(ScoreBounds.zeroToOne), those of \(metric)")
            }
            guard let source = environments.first(where: { $0.name == derived.source }), source.terms.derived == nil
            else {
                throw InvalidValue(
                    field: "\(path).derived.source", value: derived.source.rawValue,
                    expected: "an environment of the rule that is not derived itself")
            }
            guard environment.terms.samplingCount == source.terms.samplingCount else {
                throw InvalidValue(
                    field: "\(path).sampling_count", value: String(environment.terms.samplingCount),
                    expected: "\(source.terms.samplingCount), that of \(source.name)")
            }
        }
    }
}
