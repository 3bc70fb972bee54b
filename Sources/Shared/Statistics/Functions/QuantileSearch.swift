internal import Glibc

/// Inverts a monotone function of x > 0, which is what a quantile of a symmetric distribution comes to.
enum QuantileSearch {
    enum Direction { case rising, falling }

    /// The x > 0 with `mass(x)` = `target`, by Newton's method on the logarithms of both sides. There tails are nearly
    /// straight lines, so that few steps suffice from any start; a bracket catches the steps that would leave it.
    ///
    /// - Parameter density: The absolute slope of `mass`. It only sets the pace and need not be exact.
    static func positiveRoot(
        target: Double, start: Double, direction: Direction, mass: (Double) -> Double, density: (Double) -> Double
    ) -> Double {
        var (low, high) = (0.0, Double.infinity)
        var x = start
        for _ in 0..<300 {
            let value = mass(x)
            if value == target { return x }
            if (value > target) == (direction == .rising) { high = x } else { low = x }
            let slope = density(x) * x / value * (direction == .rising ? 1 : -1)
            var next = x * exp(-log1p((value - target) / target) / slope)
            if !(low < next && next < high) { next = middle(low, high) }
            if abs(next - x) <= 2.3e-16 * x { return next }
            x = next
        }
        return x
    }

    private static func middle(_ low: Double, _ high: Double) -> Double {
        if high == .infinity { return low == 0 ? 1 : low * 4 }
        return low == 0 ? high / 4 : low.squareRoot() * high.squareRoot()
    }
}
