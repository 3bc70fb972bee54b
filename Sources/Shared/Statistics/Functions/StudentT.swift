internal import Glibc

/// Student's t distribution (Student, The Probable Error of a Mean, Biometrika 1908).
public struct StudentT: Hashable, Sendable {
    /// Above zero; need not be whole.
    public let degreesOfFreedom: Double

    public init(degreesOfFreedom: Double) {
        self.degreesOfFreedom = degreesOfFreedom
    }

    /// P(T ≤ t), from the incomplete beta function: Abramowitz and Stegun (1964), 26.7.1.
    public func atMost(_ t: Double) -> Double {
        t < 0 ? upperTail(-t) : 1 - upperTail(t)
    }

    /// P(T > t), accurate where one minus the rest would not be.
    public func above(_ t: Double) -> Double { atMost(-t) }

    /// The t with P(T ≤ t) = p, for 0 ≤ p ≤ 1 (±∞ at the ends); NaN for other values. By Newton's method on `atMost`.
    public func quantile(_ p: Double) -> Double {
        guard 0 <= p, p <= 1 else { return .nan }
        if p == 0.5 { return 0 }
        let tail = min(p, 1 - p)
        guard tail > 0 else { return p == 0 ? -.infinity : .infinity }
        let t = upperQuantile(tail: tail)
        return p < 0.5 ? -t : t
    }

    /// As for the normal distribution, whose quantile is the start: Student's is farther out.
    private func upperQuantile(tail: Double) -> Double {
        let start = Normal.upperQuantile(tail: tail)
        if tail > 0.25 {
            return QuantileSearch.positiveRoot(
                target: 1 - 2 * tail, start: start, direction: .rising, mass: central, density: { 2 * density($0) })
        }
        return QuantileSearch.positiveRoot(
            target: tail, start: start, direction: .falling, mass: upperTail, density: density)
    }

    /// P(T > t) for t ≥ 0.
    private func upperTail(_ t: Double) -> Double {
        let (x, y) = shares(t)
        return IncompleteBeta.regularised(degreesOfFreedom / 2, 0.5, at: x, complement: y) / 2
    }

    /// P(−t < T < t) for t ≥ 0.
    private func central(_ t: Double) -> Double {
        let (x, y) = shares(t)
        return IncompleteBeta.regularised(0.5, degreesOfFreedom / 2, at: y, complement: x)
    }

    /// ν / (ν + t²) and t² / (ν + t²), neither by subtraction from one.
    private func shares(_ t: Double) -> (Double, Double) {
        let ratio = t * t / degreesOfFreedom
        return (1 / (1 + ratio), 1 / (1 + 1 / ratio))
    }

    private func density(_ t: Double) -> Double {
        let half = degreesOfFreedom / 2
        let scale = Gamma.logarithm(half + 0.5) - Gamma.logarithm(half)
        return exp(scale - (half + 0.5) * log1p(t * t / degreesOfFreedom))
            / (degreesOfFreedom * Double.pi).squareRoot()
    }
}
