internal import Glibc

/// The number of successes in independent trials that all succeed with the same probability.
public struct Binomial: Hashable, Sendable {
    public let trials: Int
    public let probability: Double
    /// 1 − probability, for those who know it better than by subtraction.
    private let complement: Double

    /// Both are taken to be sound: `trials` ≥ 0 and 0 ≤ `probability` ≤ 1.
    public init(trials: Int, probability: Double) {
        self.trials = trials
        self.probability = probability
        complement = 1 - probability
    }

    /// P(X = k), by Loader's saddle-point form: C. Loader, Fast and Accurate Computation of Binomial Probabilities
    /// (2000).
    public func mass(at k: Int) -> Double {
        guard (0...trials).contains(k) else { return 0 }
        if probability == 0 { return k == 0 ? 1 : 0 }
        if complement == 0 { return k == trials ? 1 : 0 }
        let (n, successes, failures) = (Double(trials), Double(k), Double(trials - k))
        if k == 0 { return exp(n * log1p(-probability)) }
        if k == trials { return exp(n * log(probability)) }
        let exponent =
            Gamma.stirlingError(n) - Gamma.stirlingError(successes) - Gamma.stirlingError(failures)
            - Self.deviance(successes, n * probability) - Self.deviance(failures, n * complement)
        return (n / (2 * Double.pi * successes * failures)).squareRoot() * exp(exponent)
    }

    /// P(X ≤ k) = I_{1−p}(n − k, k + 1): Abramowitz and Stegun (1964), 26.5.24.
    public func atMost(_ k: Int) -> Double {
        if k < 0 { return 0 }
        if k >= trials { return 1 }
        return IncompleteBeta.regularised(
            Double(trials - k), Double(k) + 1, at: complement, complement: probability)
    }

    /// P(X ≥ k) = I_p(k, n − k + 1), accurate where one minus the rest would not be.
    public func atLeast(_ k: Int) -> Double {
        if k <= 0 { return 1 }
        if k > trials { return 0 }
        return IncompleteBeta.regularised(
            Double(k), Double(trials - k) + 1, at: probability, complement: complement)
    }

    /// Loader's D(x, m) = x ln(x/m) + m − x, by its series where x and m are close and the terms would cancel.
    static func deviance(_ x: Double, _ mean: Double) -> Double {
        guard abs(x - mean) < 0.1 * (x + mean) else { return x * log(x / mean) + mean - x }
        let ratio = (x - mean) / (x + mean)
        var sum = (x - mean) * ratio
        var term = 2 * x * ratio
        var odd = 3.0
        while true {
            term *= ratio * ratio
            let next = sum + term / odd
            if next == sum { return sum }
            sum = next
            odd += 2
        }
    }
}
