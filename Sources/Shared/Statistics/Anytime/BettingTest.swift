public import Domain
internal import Glibc

/// A test that may be looked at after every task and stopped at will: does the full slate's mean difference exceed the
/// margin?
///
/// A gambler bets on each next difference at odds that are fair if Σd over the slate is exactly N·m; the wealth then
/// is a martingale, and by Ville's inequality (1939) it ever reaches 1/alpha with probability alpha at most. Betting
/// without replacement on a finite slate: Waudby-Smith and Ramdas, Estimating Means of Bounded Random Variables by
/// Betting (JRSS B 2024, arXiv 2010.09686), section 5; the same mathematics as Stark's ALPHA for election audits
/// (arXiv 2201.02707). With z = (d − (lo − hi)) / 2(hi − lo), which lies in [0, 1], and the bar at the same place, b =
/// (m + hi − lo) / 2(hi − lo):
///
///     μ_t = (N b − Σ_{i<t} z_i) / (N − t + 1)                   what the mean of the rest would be at the bar
///     W⁺_t = W⁺_{t−1} (1 + λ⁺_t (z_t − μ_t))                    λ⁺_t = min(λ_t, ¾/μ_t)
///     W⁻_t = W⁻_{t−1} (1 − λ⁻_t (z_t − μ_t))                    λ⁻_t = min(λ_t, ¾/(1 − μ_t))
///     λ_t = √(2 ln(2/alpha) / (v_{t−1} t ln(1 + t)))            v: the regularised variance of the z before t
///
/// The slate is `above` once W⁺ ≥ 1/alpha and `notAbove` once W⁻ ≥ 1/alpha, each wrong with probability alpha at most,
/// or once it is certain, as in exact curtailment, which is told apart in integers. A decision stays.
///
/// Valid only if the slate's order is random and was fixed beforehand, and the differences come in that order without
/// gaps: what finishes first is not random. Hence positions are checked.
public struct BettingTest: Hashable, Sendable {
    public enum Decision: Hashable, Sendable {
        /// Σd > N·m.
        case above
        /// Σd ≤ N·m.
        case notAbove
    }

    public let bar: StrictBar
    public let bounds: ScoreBounds
    public let alpha: Double

    /// How many differences have come in; also the position of the next.
    public private(set) var count = 0
    /// Σd so far, in nano-units.
    public private(set) var sum: Int128 = 0
    /// ln W⁺, the evidence that the slate is above the bar.
    public private(set) var logWealthAbove = 0.0
    /// ln W⁻, the evidence that it is not.
    public private(set) var logWealthNotAbove = 0.0
    /// Nil while the slate may be either.
    public private(set) var decision: Decision?
    /// Σ z and Σ (z − running mean)², which set the size of the next bet.
    private var scaledSum = 0.0
    private var scaledSpread = 0.0

    /// - Throws: `InvalidValue` naming `alpha` unless it lies within (0, 1).
    public init(bar: StrictBar, bounds: ScoreBounds, alpha: Double) throws(InvalidValue) {
        try Probability.check(alpha, field: "alpha")
        self.bar = bar
        self.bounds = bounds
        self.alpha = alpha
        decision = certainty
    }

    /// Takes in the next task of the slate.
    ///
    /// - Parameter position: Where the task stands in the pre-registered order, from 0.
    /// - Throws: `InvalidValue` naming `position` unless it is `count`, or `score` when one is outside the bounds. The
    ///   test is then as it was before.
    public mutating func add(champion: Score, challenger: Score, at position: Int) throws(InvalidValue) {
        guard position == count, position < bar.tasks else {
            let expected = count < bar.tasks ? "\(count), the next of the order" : "no more than \(bar.tasks) tasks"
            throw InvalidValue(field: "position", value: String(position), expected: expected)
        }
        for score in [champion, challenger] where !bounds.contains(score) {
            throw InvalidValue(field: "score", value: score.description, expected: "a score in \(bounds)")
        }
        let difference = Int128(challenger.nano) - Int128(champion.nano)
        if certainty == nil { bet(on: difference) }
        sum += difference
        count += 1
        decision = decision ?? certainty ?? verdictOfWealth
    }

    /// Σd known to be above the bar, or not, whatever the rest scores: exact curtailment with differences in ±(hi −
    /// lo).
    private var certainty: Decision? {
        let reach = Int128(bar.tasks - count) * range
        if sum - reach > bar.product { return .above }
        return sum + reach <= bar.product ? .notAbove : nil
    }

    private var verdictOfWealth: Decision? {
        if logWealthAbove >= -log(alpha) { return .above }
        return logWealthNotAbove >= -log(alpha) ? .notAbove : nil
    }

    /// hi − lo in nano-units.
    private var range: Int128 { Int128(bounds.hi.nano) - Int128(bounds.lo.nano) }

    private mutating func bet(on difference: Int128) {
        let (left, t) = (bar.tasks - count, Double(count + 1))
        // N b − Σz in integers: (N m − Σd + (N − t + 1)(hi − lo)) / 2(hi − lo).
        let atBar = Double(bar.product - sum + Int128(left) * range) / (2 * Double(range) * Double(left))
        let z = Double(difference + range) / (2 * Double(range))
        let variance = (0.25 + scaledSpread) / t
        let size = (2 * log(2 / alpha) / (variance * t * log1p(t))).squareRoot()
        logWealthAbove += log1p(min(size, 0.75 / atBar) * (z - atBar))
        logWealthNotAbove += log1p(-min(size, 0.75 / (1 - atBar)) * (z - atBar))
        scaledSum += z
        let mean = (0.5 + scaledSum) / (t + 1)
        scaledSpread += (z - mean) * (z - mean)
    }
}
