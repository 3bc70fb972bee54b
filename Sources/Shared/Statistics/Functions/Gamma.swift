internal import Glibc

/// The logarithm of the gamma function, and what the binomial and beta distributions need of Stirling's formula.
public enum Gamma {
    /// ln Γ(x) for x > 0; NaN for other values.
    ///
    /// Up to 10 by the series about 2 with the recurrence Γ(x + 1) = x Γ(x), which keeps the relative error small near
    /// the zeros at 1 and 2; above by Stirling's series. Abramowitz and Stegun, Handbook of Mathematical Functions
    /// (1964), 6.1.15, 6.1.33 and 6.1.41.
    public static func logarithm(_ x: Double) -> Double {
        guard x > 0 else { return .nan }
        if x < 0.5 { return logarithm(x + 1) - log(x) }
        if x <= 1.5 { return logarithmNear2(x - 1) - log1p(x - 1) }
        if x < 10 {
            var (rest, product) = (x, 1.0)
            while rest > 2.5 {
                rest -= 1
                product *= rest
            }
            return logarithmNear2(rest - 2) + log(product)
        }
        guard x.isFinite else { return x }
        return (x - 0.5) * log(x) - x + halfLogOf2Pi + stirlingSeries(x)
    }

    /// δ(z) = ln Γ(z + 1) − (z + ½) ln z + z − ½ ln 2π for z > 0: what Stirling's formula lacks. It is small, so that
    /// differences of δ stay exact where differences of ln Γ would cancel (Loader 2000, as in `Binomial`).
    static func stirlingError(_ z: Double) -> Double {
        if z >= 10 { return stirlingSeries(z) }
        return logarithm(z + 1) - (z + 0.5) * log(z) + z - halfLogOf2Pi
    }

    private static let halfLogOf2Pi = 0.9189385332046727418

    /// Σ B₂ₖ / (2k (2k − 1) z²ᵏ⁻¹): below 1e-17 after the eighth term for z ≥ 10.
    private static func stirlingSeries(_ z: Double) -> Double {
        let coefficients: [Double] = [
            0.083333333333333333, -0.0027777777777777778, 0.00079365079365079365, -0.00059523809523809524,
            0.00084175084175084175, -0.0019175269175269175, 0.0064102564102564103, -0.029550653594771242,
        ]
        let square = 1 / (z * z)
        return coefficients.reversed().reduce(0) { $0 * square + $1 } / z
    }

    /// ln Γ(2 + u) = (1 − γ) u + Σₙ (−1)ⁿ (ζ(n) − 1) uⁿ / n for |u| ≤ ½.
    private static func logarithmNear2(_ u: Double) -> Double {
        var sum = 0.0
        for (index, coefficient) in zetaMinusOne.enumerated().reversed() {
            let n = Double(index + 2)
            sum = coefficient / n - u * sum
        }
        return u * (0.4227843350984671394 + u * sum)
    }

    /// ζ(n) − 1 for n = 2, 3, …, 29.
    private static let zetaMinusOne = [
        0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993, 0.01734306198444914,
        0.008349277381922827, 0.00407735619794434, 0.0020083928260822143, 0.0009945751278180853,
        0.0004941886041194645, 0.0002460865533080483, 0.00012271334757848915, 6.124813505870483e-05,
        3.058823630702049e-05, 1.528225940865187e-05, 7.637197637899763e-06, 3.81729326499984e-06,
        1.908212716553939e-06, 9.539620338727962e-07, 4.769329867878064e-07, 2.38450502727733e-07,
        1.1921992596531106e-07, 5.960818905125948e-08, 2.980350351465228e-08, 1.4901554828365043e-08,
        7.45071178983543e-09, 3.725334024788457e-09, 1.862659723513049e-09,
    ]
}
