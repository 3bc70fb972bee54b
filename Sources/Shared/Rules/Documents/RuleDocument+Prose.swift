import Domain

extension RuleDocument {
    /// The rule in words, generated from the document, so that the two cannot disagree.
    public var prose: String {
        let demands = environments.map { environment in
            let terms = environment.terms
            return
                "- \(environment.name): over \(terms.samplingCount) tasks scored from \(terms.bounds.lo) to \(terms.bounds.hi), "
                + "the challenger's mean has to be \(kind.demand(of: terms))."
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
        case .exact: "The contest ends as soon as no result that is still missing could change the verdict."
        }
    }
}
