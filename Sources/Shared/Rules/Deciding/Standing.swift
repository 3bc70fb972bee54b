import Domain

/// How one environment stands under its terms: an interval that only narrows, and what follows from it for certain.
///
/// Each unknown task lies in `[lo, hi]`, so with decided tasks D and the rest R
///
///     upper = Σ_D(x − c) + Σ_R(hi − c) − N·m        lower = Σ_D(x − c) + Σ_R(lo − c) − N·m
///
/// A result that arrives replaces `[lo, hi]` by a point inside it: `upper` never rises, `lower` never falls, and
/// with everything decided both are the true difference. Hence a `yes` or `no` given here is given for ever.
public struct Standing: Hashable, Sendable {
    public let terms: EnvironmentTerms
    public let tally: EnvironmentTally
    /// Whether the terms' confidence bound clears the margin: `yes` where the terms ask for none, `unknown` until every
    /// task is decided and as long as only sums are known.
    public let isConfident: Trivalent
    /// What the evidence so far says, under a rule that may stop on it; whatever is certain counts more.
    public let evidence: Trivalent

    public init(terms: EnvironmentTerms, tally: EnvironmentTally) {
        self.init(terms: terms, tally: tally, pairs: nil)
    }

    init(
        terms: EnvironmentTerms, tally: EnvironmentTally, pairs: PairedSums?, evidence: Trivalent = .unknown
    ) {
        self.terms = terms
        self.tally = tally
        self.evidence = evidence
        isConfident =
            if let confidence = terms.confidence {
                pairs.map { $0.clears(confidence, margin: terms.margin) ? .yes : .no } ?? .unknown
            } else { .yes }
    }

    /// Σx if every unknown task scores `lo`.
    public var lowestSum: ScoreSum { tally.challengerSum + ScoreSum(terms.bounds.lo, times: tally.unknown) }
    /// Σx if every unknown task scores `hi`.
    public var highestSum: ScoreSum { tally.challengerSum + ScoreSum(terms.bounds.hi, times: tally.unknown) }
    /// What Σx has to exceed: Σc + N·m.
    public var bar: ScoreSum { tally.championSum + ScoreSum(terms.margin, times: tally.tasks) }
    /// L: the least by which the challenger can end above the bar.
    public var lower: ScoreSum { lowestSum - bar }
    /// U: the most by which the challenger can end above the bar.
    public var upper: ScoreSum { highestSum - bar }

    public var isComplete: Bool { tally.unknown == 0 }
    /// Fewer tasks than the terms ask for show nothing, whatever they scored.
    public var isTooShort: Bool { tally.tasks < terms.samplingCount }

    /// Whether Σx − Σc > N·m, with the terms' confidence if they ask for it. Equality is `no`: a tie keeps the champion.
    public var dominates: Trivalent {
        let certain = isTooShort ? .no : Trivalent(isPositive: lower.nano...upper.nano) && isConfident
        return certain == .unknown ? evidence : certain
    }

    /// Whether evidence decides it, and nothing that is certain does.
    public var restsOnEvidence: Bool {
        evidence != .unknown && Trivalent(isPositive: lower.nano...upper.nano) == .unknown
    }

    /// Whether the challenger dominates, or falls behind by no more than the tolerance allows.
    public var isNotWorse: Trivalent {
        guard !isTooShort else { return .no }
        guard let tolerance = terms.tolerance else { return dominates }
        let least = tolerance.clearance(of: lowestSum, over: self)
        let most = tolerance.clearance(of: highestSum, over: self)
        return dominates || Trivalent(isNotNegative: least...most)
    }
}
