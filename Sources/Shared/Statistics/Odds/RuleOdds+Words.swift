internal import Domain

extension RuleOdds {
    /// What an identical copy can hope for, in a sentence.
    public var copyWords: String {
        let copies =
            copiesForAnEvenBet.map { "\($0) copies make that an even bet" } ?? "no number of copies is a bet"
        return "An identical copy takes the throne with probability \(Self.text(probability: copy)): \(copies)."
    }

    /// By how much a challenger has to be better, in a sentence.
    public var gainWords: String {
        let gains = environments.map { "\($0.environment) \(Self.text($0.smallestGain))" }.joined(separator: ", ")
        return
            "A challenger takes the throne with probability \(Self.text(power)) when it is better in every environment by: \(gains)."
    }

    /// With at most four decimals.
    public static func text(_ value: Double) -> String {
        Score(rounding: (value * 10_000).rounded() / 10_000)?.description ?? "\(value)"
    }

    /// Small ones as `1 in 242`.
    public static func text(probability: Double) -> String {
        guard probability > 0, probability < 0.1, let trials = Int(exactly: (1 / probability).rounded()) else {
            return text(probability)
        }
        return "1 in \(trials)"
    }
}
