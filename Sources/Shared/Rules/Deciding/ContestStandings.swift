/// Where a contest stands in each environment, in the rule's order, and where it would stand if scores turned out to be void.
struct ContestStandings {
    let current: [Standing]
    /// Without the challenger's highest scores, and without its lowest: as many as the rule's `voidAllowance`.
    private let withoutBest: [Standing]
    private let withoutWorst: [Standing]

    /// - Parameters: Nil for standings without scores where the rule allows for no void ones.
    init(_ current: [Standing], withoutBest: [Standing]? = nil, withoutWorst: [Standing]? = nil) {
        self.current = current
        self.withoutBest = withoutBest ?? current
        self.withoutWorst = withoutWorst ?? current
    }

    var areComplete: Bool { current.allSatisfy(\.isComplete) }

    /// Whether neither a missing score nor one that is void could turn the verdict: what is won is won without the best
    /// scores, what is lost is lost without the worst, and a kind is monotone in between.
    func areCertain(under kind: some RuleKind) -> Bool {
        kind.dethrones(withoutBest) == .yes || kind.dethrones(withoutWorst) == .no
    }
}
