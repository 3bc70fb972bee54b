/// What a rule may ask on top of the margin: that the lower bound of the mean difference clears it, too.
///
/// With d̄ the mean of the paired differences x − c over a complete slate of n tasks, and G clusters,
///
///     d̄ − critical · s  >  m        s² = G/(G − 1) · Σ_g (Σ_{t∈g} (d_t − d̄))² / n²
///
/// which for tasks that are each a cluster of their own is Student's one-sided bound with s = s_d/√n, and for others that
/// of cluster-robust errors (CR1; Cameron and Miller, J. Human Resources 2015, section II.C). The critical value is that of
/// t(G − 1) at the level wanted, and stands in the rule as a number, so that deciding needs no floating point.
public struct ConfidenceBound: Hashable, Sendable {
    /// The range of `criticalMicro`.
    public static let range: ClosedRange<Int64> = 1...100_000_000

    /// How many standard errors below the mean the bound lies, in millionths.
    public let criticalMicro: Int64

    public init(criticalMicro: Int64) {
        self.criticalMicro = criticalMicro
    }
}
