import Domain

extension RuleDocument {
    /// The rule in words, generated from the document, so that the two cannot disagree.
    public var prose: String {
        let demands = environments.map { environment in
            let terms = environment.terms
            let meaning = terms.derived.map { " (\($0.prose))" } ?? ""
            return
                "- \(environment.name): over \(terms.samplingCount) tasks scored from \(terms.bounds.lo) to \(terms.bounds.hi)\(meaning), "
                + "the challenger's mean has to be \(kind.demand(of: terms)).\(terms.confidenceProse)"
        }
        return """
            \(kind.condition) A tie keeps the champion.
            \(demands.joined(separator: "\n"))
            The number of tasks is fixed beforehand: a failure of the model's own counts as the lowest score. A task that \
            nobody could settle counts for nobody; if the verdict depends on it, the contest is void.
            \(stoppingProse)
            """
    }

    private var stoppingProse: String {
        switch stopping {
        case .full: "Every task is run before the contest is decided."
        case .anytime:
            "The contest ends as soon as no result that is still missing could change the verdict, or as the evidence, task by task "
                + "in the slate's order, has a chance of at most \(Score(nano: alphaNano ?? 0)), for each environment and side, to "
                + "contradict the full slate."
        case .exact:
            "The contest ends as soon as no result that is still missing could change the verdict"
                + (voidAllowance == 0
                    ? "."
                    : ", even if \(voidAllowance) of the challenger's scores in each environment were void.")
        }
    }
}

extension EnvironmentTerms {
    fileprivate var confidenceProse: String {
        guard let confidence else { return "" }
        let clusters = clusterSpan == 1 ? "" : ", with tasks clustered by spans of \(clusterSpan) ids"
        return " To beat it, the lower bound of the mean difference, \(confidence) below it\(clusters), "
            + "has to be more than \(margin), too."
    }
}

extension ConfidenceBound: CustomStringConvertible {
    /// Such as `1.65 standard errors`.
    public var description: String {
        let critical = Score(nano: criticalMicro * (Score.unit / 1_000_000))
        return "\(critical) standard error\(critical == .one ? "" : "s")"
    }
}
