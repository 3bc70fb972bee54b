public import Domain
internal import Glibc

/// How likely an identical copy of the champion dethrones it by luck alone, under `strict_margin`.
///
/// Two runs of one model differ by nothing but noise: Σx − Σc has mean 0 and standard deviation s_d √N, with s_d from
/// `RerunNoise`. These are the odds before either side has run. Copies that meet the *same* baseline share its luck, so
/// several within a window have lower odds together than `copiesForAnEvenBet` says.
public enum CopyOdds {
    /// Φ(−m√N / s_d) for one environment: Σx − Σc taken as normal, by the central limit theorem.
    ///
    /// - Parameter step: The distance of neighbouring scores, such as 1 for scores of 0 and 1. Then sums are multiples
    ///   of it, and the continuity correction (Feller, An Introduction to Probability Theory, vol. 1, 3rd edition
    ///   1968, section VII.3) puts the bar half a step above the highest sum that does not clear it. Without it the
    ///   odds of a copy whose scores are that coarse come out some 15 to 40 % too high.
    /// - Parameter critical: Of a rule that asks for confidence: how many standard errors are taken from the gain, those of
    ///   the sample being taken to be those of the noise.
    /// - Throws: `InvalidValue` naming `step` unless it is above zero.
    public static func normal(
        _ bar: StrictBar, noise: RerunNoise, step: Score? = nil, critical: Double = 0
    ) throws(InvalidValue) -> Double {
        let scale = noise.ofDifference * Double(bar.tasks).squareRoot()
        // Without noise the sides tie, which clears a bar below zero only.
        guard scale > 0 else { return bar.margin < .zero ? 1 : 0 }
        guard let step else { return Normal.above(bar.distance / scale + critical) }
        guard step > .zero else {
            throw InvalidValue(field: "step", value: step.description, expected: "a distance above 0")
        }
        let distance = (Double(bar.wholeSteps(of: step.nano)) + 0.5) * Double(step.nano) / Double(Score.unit)
        return Normal.above(distance / scale + critical)
    }

    /// The same for scores of 0 and 1, exactly: each task is a win or a loss with probability p(1 − p)(1 − ρ), where p
    /// is the mean and ρ the correlation between two runs, whatever the spread of the tasks' difficulties behind it.
    ///
    /// - Throws: `InvalidValue` unless 0 ≤ `mean` ≤ 1 and 0 ≤ `correlation` ≤ 1: one model's two runs on tasks drawn at
    ///   random can't be correlated below zero.
    public static func binary(_ bar: StrictBar, mean: Double, correlation: Double) throws(InvalidValue) -> Double {
        try BinaryScores.check(mean: mean, correlation: correlation)
        return WinLossWalk(tasks: bar.tasks, mean: mean, gain: 0, correlation: correlation)
            .above(BinaryScores.threshold(of: bar))
    }

    /// The odds of winning every environment: their product. Tasks of different environments are taken as independent;
    /// trouble of a shared machine would make the true odds higher.
    public static func everyEnvironment(_ odds: [Double]) -> Double {
        odds.isEmpty ? 0 : odds.reduce(1, *)
    }

    /// The smallest number of copies k, each with odds p of its own, with 1 − (1 − p)^k ≥ ½; about ln 2 / p. Nil when
    /// p is so small that no number below 2⁶³ suffices.
    public static func copiesForAnEvenBet(_ odds: Double) -> Int? {
        guard odds > 0 else { return nil }
        guard odds < 0.5 else { return 1 }
        let guess = (log(0.5) / log1p(-odds)).rounded(.up)
        guard guess < 9.2e18 else { return nil }
        let copies = Int(guess)
        // The quotient may have been rounded across a whole number.
        if copies > 1, atLeastOne(of: copies - 1, odds: odds) >= 0.5 { return copies - 1 }
        return atLeastOne(of: copies, odds: odds) >= 0.5 ? copies : copies + 1
    }

    /// 1 − (1 − p)^k: the odds that at least one of k copies, each in a window of its own, takes the throne.
    public static func atLeastOne(of copies: Int, odds: Double) -> Double {
        odds < 1 ? -expm1(Double(copies) * log1p(-odds)) : 1
    }
}

/// What the exact forms for scores of 0 and 1 share.
enum BinaryScores {
    static func check(mean: Double, correlation: Double) throws(InvalidValue) {
        guard 0 <= mean, mean <= 1 else {
            throw InvalidValue(field: "mean", value: "\(mean)", expected: "0 to 1")
        }
        guard 0 <= correlation, correlation <= 1 else {
            throw InvalidValue(field: "correlation", value: "\(correlation)", expected: "0 to 1")
        }
    }

    /// ⌊N·m⌋, or what amounts to it: no difference of wins and losses lies outside −N … N.
    static func threshold(of bar: StrictBar) -> Int {
        let most = Int128(bar.tasks)
        return Int(max(-most - 1, min(most, bar.wholeSteps(of: Score.unit))))
    }
}
