public import Domain

/// What a rule says of one environment.
public struct EnvironmentTerms: Hashable, Sendable {
    public let bounds: ScoreBounds
    /// How much better, per task on average, the challenger has to be.
    public let margin: Score
    /// How many tasks the slate has.
    public let samplingCount: Int64
    /// How far the challenger may fall behind without being worse; only for kinds that ask.
    public let tolerance: Tolerance?
    /// What the paired differences have to show beside their mean, if anything.
    public let confidence: ConfidenceBound?
    /// Tasks with ids in the same span of so many, counted from 0, are one cluster: expected to succeed and fail together.
    public let clusterSpan: Int64
    /// How the scores follow from another environment's tasks; nil for an environment with tasks of its own.
    public let derived: TokenEfficiency?

    public init(
        bounds: ScoreBounds, margin: Score, samplingCount: Int64, tolerance: Tolerance? = nil,
        confidence: ConfidenceBound? = nil, clusterSpan: Int64 = 1, derived: TokenEfficiency? = nil
    ) {
        self.bounds = bounds
        self.margin = margin
        self.samplingCount = samplingCount
        self.tolerance = tolerance
        self.confidence = confidence
        self.clusterSpan = clusterSpan
        self.derived = derived
    }

    /// The same terms but for what is given.
    func with(margin: Score? = nil, samplingCount: Int64? = nil) -> EnvironmentTerms {
        EnvironmentTerms(
            bounds: bounds, margin: margin ?? self.margin, samplingCount: samplingCount ?? self.samplingCount,
            tolerance: tolerance, confidence: confidence, clusterSpan: clusterSpan, derived: derived)
    }
}

/// An environment's name with what the rule says of it.
public struct RuleEnvironment: Hashable, Sendable {
    public let name: EnvironmentName
    public let terms: EnvironmentTerms

    public init(name: EnvironmentName, terms: EnvironmentTerms) {
        self.name = name
        self.terms = terms
    }
}

/// How far a challenger may fall behind the champion without being worse.
public enum Tolerance: Hashable, Sendable {
    /// Not worse while Σx ≥ Σc · (1 − t). Where Σc can be negative use `additive`: there this asks for more than Σc.
    case multiplicative(Score)
    /// Not worse while Σx − Σc ≥ −N · t.
    case additive(Score)

    /// A number that is zero or more exactly when `sum` is within the tolerance. It is a difference of products of
    /// integers, in nano-units (additive) or nano-units of nano-units (multiplicative), so nothing is rounded.
    func clearance(of sum: ScoreSum, over standing: Standing) -> Int128 {
        let champion = standing.tally.championSum
        return switch self {
        case .multiplicative(let part): sum.nano * Int128(Score.unit) - champion.nano * Int128(Score.unit - part.nano)
        case .additive(let distance): (sum - champion + ScoreSum(distance, times: standing.tally.tasks)).nano
        }
    }

    /// The lowest sum that is not worse, without fractions of a nano-unit, for people to read.
    func floor(under standing: Standing) -> ScoreSum {
        let champion = standing.tally.championSum
        return switch self {
        case .multiplicative(let part):
            ScoreSum(nano: champion.nano * Int128(Score.unit - part.nano) / Int128(Score.unit))
        case .additive(let distance): champion - ScoreSum(distance, times: standing.tally.tasks)
        }
    }
}
