internal import Glibc

/// The regularised incomplete beta function, from which the distributions of Student and Bernoulli follow.
public enum IncompleteBeta {
    /// I_x(a, b) for a, b > 0 and 0 ≤ x ≤ 1; NaN for other values.
    ///
    /// By the continued fraction of Abramowitz and Stegun (1964), 26.5.8, evaluated by Lentz's method as in Press et
    /// al., Numerical Recipes (3rd edition, 2007), section 6.4, but with the factor before it written as in Loader
    /// (2000): with ln Γ it would lose digits in proportion to a + b.
    public static func regularised(_ a: Double, _ b: Double, at x: Double) -> Double {
        regularised(a, b, at: x, complement: 1 - x)
    }

    /// I_x(a, b) where y = 1 − x is known better than subtraction from one would give it.
    static func regularised(_ a: Double, _ b: Double, at x: Double, complement y: Double) -> Double {
        guard a > 0, b > 0, 0 <= x, x <= 1, 0 <= y, y <= 1 else { return .nan }
        if x == 0 { return 0 }
        if y == 0 { return 1 }
        // The fraction converges fast on this side of the mean; on the other, I_x(a, b) = 1 − I_y(b, a).
        if x < (a + 1) / (a + b + 2) {
            return min(1, density(a, b, x, y) * continuedFraction(a, b, x) / a)
        }
        return max(0, 1 - density(b, a, y, x) * continuedFraction(b, a, y) / b)
    }

    /// xᵃ yᵇ / B(a, b) = ab/(a+b) · √((a+b) / 2πab) · exp(δ(a+b) − δ(a) − δ(b) − D(a, (a+b)x) − D(b, (a+b)y)).
    private static func density(_ a: Double, _ b: Double, _ x: Double, _ y: Double) -> Double {
        let n = a + b
        let exponent =
            Gamma.stirlingError(n) - Gamma.stirlingError(a) - Gamma.stirlingError(b)
            - Binomial.deviance(a, n * x) - Binomial.deviance(b, n * y)
        return (a * b / n / (2 * Double.pi)).squareRoot() * exp(exponent)
    }

    private static func continuedFraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
        let tiny = 1e-300
        func nonzero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / nonzero(1 - (a + b) * x / (a + 1))
        var product = d
        // It takes some multiple of √max(a, b) steps.
        let most = 200 + Int(20 * max(a, b).squareRoot().rounded())
        for step in 1...most {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / nonzero(1 + even * d)
            c = nonzero(1 + even / c)
            product *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / nonzero(1 + odd * d)
            c = nonzero(1 + odd / c)
            product *= d * c
            if abs(d * c - 1) < 1e-16 { break }
        }
        return product
    }
}
