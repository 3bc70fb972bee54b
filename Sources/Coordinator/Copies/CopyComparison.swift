package import Domain
internal import Glibc

/// How close two models are, measured by what they hold for likely after the same texts.
///
/// After most texts every model of a kind is sure of the next token, which tells nothing. What counts are the decisions: the
/// positions at which one of the two is in doubt. There the same weights, run twice, differ by what an engine's arithmetic leaves
/// over, and weights that were trained apart by much more (0.46 nats of two small models: `SystemTests.CopyCheckTests`).
package struct CopyComparison: Hashable, Sendable {
    /// Decisions among the probes.
    package let positions: Int
    /// The median over the decisions of how far apart, in nats, the two log-probabilities of the champion's likeliest token are;
    /// nil without decisions.
    package let medianGap: Double?
    /// The share of decisions at which both hold the same token for the likeliest; nil without decisions.
    package let agreement: Double?

    /// - Parameters:
    ///   - champion: For each probe the likeliest next tokens, in any order.
    ///   - challenger: The same of the other model. A token that it does not name is at most as likely as the last that it does.
    ///   - doubt: A model is in doubt where its likeliest token has less than this probability.
    package init(champion: [[TokenLikelihood]], challenger: [[TokenLikelihood]], doubt: Double) {
        var gaps: [Double] = []
        var agreements = 0
        for (own, other) in zip(champion, challenger) {
            guard let best = own.max(by: Self.isLess), let otherBest = other.max(by: Self.isLess),
                min(best.logprob, otherBest.logprob) < log(doubt), let least = other.map(\.logprob).min()
            else { continue }
            let logprob = other.first { $0.token == best.token }?.logprob ?? least
            gaps.append(abs(best.logprob - logprob))
            if best.token == otherBest.token { agreements += 1 }
        }
        positions = gaps.count
        medianGap = Self.median(gaps)
        agreement = gaps.isEmpty ? nil : Double(agreements) / Double(gaps.count)
    }

    /// Of two tokens that are as likely the one that sorts first counts, whatever the order in which they were told.
    private static func isLess(_ left: TokenLikelihood, _ right: TokenLikelihood) -> Bool {
        (left.logprob, right.token) < (right.logprob, left.token)
    }

    private static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// When a challenger's model counts as a copy of the champion's, and how long its contest waits to know.
public struct CopyCheckSettings: Hashable, Sendable {
    /// A copy's median gap is less than this, in nats.
    public var gap = 0.05
    /// Fewer decisions than this say nothing.
    public var positions = 50
    /// Texts that both models are asked about.
    public var probes = 1_000
    /// A model is in doubt where its likeliest token has less than this probability.
    public var doubt = 0.6
    /// After this the contest begins without a verdict.
    public var deadline = Duration.seconds(1_800)

    public init() {}

    package func verdict(on comparison: CopyComparison) -> CopyVerdict {
        guard comparison.positions >= positions, let medianGap = comparison.medianGap else {
            return .undecided("\(comparison.positions) decisions among the probes, needs \(positions)")
        }
        return medianGap < gap ? .copy : .distinct
    }
}

package enum CopyVerdict: Hashable, Sendable {
    case copy, distinct
    /// For want of something: the contest begins all the same.
    case undecided(String)

    var name: String {
        switch self {
        case .copy: "copy"
        case .distinct: "distinct"
        case .undecided: "undecided"
        }
    }
}
