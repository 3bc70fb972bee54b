internal import Glibc

/// The standard normal distribution.
public enum Normal {
    /// P(Z ≤ z) = erfc(−z/√2) / 2: Abramowitz and Stegun (1964), 26.2.29; erfc is the C library's.
    public static func atMost(_ z: Double) -> Double {
        erfc(-z * 0.5.squareRoot()) / 2
    }

    /// P(Z > z), accurate where one minus the rest would be zero.
    public static func above(_ z: Double) -> Double { atMost(-z) }

    /// The z with P(Z ≤ z) = p, for 0 ≤ p ≤ 1 (±∞ at the ends); NaN for other values.
    ///
    /// The rational approximation of Abramowitz and Stegun (1964), 26.2.23, improved by Newton's method.
    public static func quantile(_ p: Double) -> Double {
        guard 0 <= p, p <= 1 else { return .nan }
        if p == 0.5 { return 0 }
        let tail = min(p, 1 - p)
        guard tail > 0 else { return p == 0 ? -.infinity : .infinity }
        let z = upperQuantile(tail: tail)
        return p < 0.5 ? -z : z
    }

    /// The z > 0 with P(Z > z) = tail, for 0 < tail < ½. Near the median the mass between −z and z is solved for
    /// instead, because the tail would say little about z there.
    static func upperQuantile(tail: Double) -> Double {
        let t = (-2 * log(tail)).squareRoot()
        let numerator = 2.515517 + t * (0.802853 + t * 0.010328)
        let guess = t - numerator / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
        let start = max(guess, 1e-3)
        if tail > 0.25 {
            return QuantileSearch.positiveRoot(
                target: 1 - 2 * tail, start: start, direction: .rising, mass: { erf($0 * 0.5.squareRoot()) },
                density: { 2 * density($0) })
        }
        return QuantileSearch.positiveRoot(
            target: tail, start: start, direction: .falling, mass: above, density: density)
    }

    private static func density(_ z: Double) -> Double {
        exp(-z * z / 2) / (2 * Double.pi).squareRoot()
    }
}
