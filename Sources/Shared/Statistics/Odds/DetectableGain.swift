public import Domain
internal import Glibc

/// What a contest can find out before it starts: the smallest true gain with which a challenger wins the strict rule,
/// or is seen to be above the margin, with a given probability.
public enum DetectableGain {
    /// P(Σx − Σc > N·m) for a challenger that is better by `gain` on average: Φ((gain − m) √N / s_d). A normal
    /// approximation that takes s_d to be the same with and without the gain; without continuity correction.
    ///
    /// - Parameter differenceDeviation: s_d, the standard deviation over tasks of x − c, in units of scores: as
    ///   measured, or `RerunNoise.ofDifference`.
    /// - Throws: `InvalidValue` unless `differenceDeviation` ≥ 0.
    public static func power(
        _ bar: StrictBar, gain: Double, differenceDeviation: Double
    ) throws(InvalidValue) -> Double {
        let error = try standardError(bar, differenceDeviation)
        let distance = gain - bar.distance / Double(bar.tasks)
        guard error > 0 else { return distance > 0 ? 1 : 0 }
        return Normal.atMost(distance / error)
    }

    /// The smallest true gain per environment, in units of scores, with which a challenger that is better by it in
    /// every one of `environments` equal ones does so with probability `power`:
    ///
    ///     gain = m + (z(1 − alpha) + z(power^(1/K))) · s_d / √N
    ///
    /// With `alpha` = ½, the default, "does so" means that it wins: Σx − Σc > N·m. With a smaller one it means that
    /// the one-sided lower bound at level 1 − alpha clears the margin too. Normal approximation; the sample size
    /// formula for paired means (Miller 2024, arXiv 2411.00640, section on power) solved for the gain, with the root
    /// for K environments that all have to be won (Berger, Multiparameter Hypothesis Testing and Acceptance Sampling,
    /// Technometrics 1982).
    ///
    /// - Throws: `InvalidValue` unless `power` and `alpha` lie within (0, 1), `environments` ≥ 1 and
    ///   `differenceDeviation` ≥ 0.
    public static func smallest(
        _ bar: StrictBar, differenceDeviation: Double, power: Double = 0.8, alpha: Double = 0.5, environments: Int = 1
    ) throws(InvalidValue) -> Double {
        try check(power: power, environments: environments)
        try Probability.check(alpha, field: "alpha")
        let error = try standardError(bar, differenceDeviation)
        let each = rootOfPower(power, environments)
        let deviations = Normal.quantile(each) - Normal.quantile(alpha)
        return bar.distance / Double(bar.tasks) + deviations * error
    }

    /// P(Σx − Σc > N·m) for scores of 0 and 1, exactly under the model of `WinLossWalk`: champion's mean p,
    /// challenger's p + gain, results on a task correlated by ρ as far as two such results can be.
    ///
    /// - Throws: `InvalidValue` unless 0 ≤ `mean` ≤ 1, 0 ≤ `correlation` ≤ 1 and 0 ≤ `mean` + `gain` ≤ 1.
    public static func binaryPower(
        _ bar: StrictBar, gain: Double, mean: Double, correlation: Double
    ) throws(InvalidValue) -> Double {
        try BinaryScores.check(mean: mean, correlation: correlation)
        guard 0 <= mean + gain, mean + gain <= 1 else {
            throw InvalidValue(field: "gain", value: "\(gain)", expected: "a mean of 0 to 1 with it")
        }
        return WinLossWalk(tasks: bar.tasks, mean: mean, gain: gain, correlation: correlation)
            .above(BinaryScores.threshold(of: bar))
    }

    /// The smallest true gain with which a challenger wins every one of `environments` equal ones with probability
    /// `power`, for scores of 0 and 1, by bisection of `binaryPower` (15 ms for 300 tasks, two seconds for a million).
    /// Nil when not even a challenger that always succeeds does.
    ///
    /// - Throws: `InvalidValue` as `binaryPower` and `smallest` do.
    public static func smallestBinary(
        _ bar: StrictBar, mean: Double, correlation: Double, power: Double = 0.8, environments: Int = 1
    ) throws(InvalidValue) -> Double? {
        try check(power: power, environments: environments)
        let each = rootOfPower(power, environments)
        var (low, high) = (0.0, 1 - mean)
        guard try binaryPower(bar, gain: high, mean: mean, correlation: correlation) >= each else { return nil }
        if try binaryPower(bar, gain: low, mean: mean, correlation: correlation) >= each { return low }
        for _ in 0..<50 {
            let middle = (low + high) / 2
            let reached = try binaryPower(bar, gain: middle, mean: mean, correlation: correlation) >= each
            if reached { high = middle } else { low = middle }
        }
        return high
    }

    private static func check(power: Double, environments: Int) throws(InvalidValue) {
        try Probability.check(power, field: "power")
        guard environments >= 1 else {
            throw InvalidValue(field: "environments", value: String(environments), expected: "1 or more")
        }
    }

    /// What each of K independent environments has to be won with.
    private static func rootOfPower(_ power: Double, _ environments: Int) -> Double {
        pow(power, 1 / Double(environments))
    }

    private static func standardError(_ bar: StrictBar, _ deviation: Double) throws(InvalidValue) -> Double {
        guard deviation >= 0, deviation.isFinite else {
            throw InvalidValue(field: "differenceDeviation", value: "\(deviation)", expected: "0 or more")
        }
        return deviation / Double(bar.tasks).squareRoot()
    }
}
