public import Domain

/// How much one model's score on a task differs between two runs, which is all that an identical copy lives on.
public struct RerunNoise: Hashable, Sendable {
    /// The standard deviation over tasks of a single run's scores, in units of scores.
    public let standardDeviation: Double
    /// ρ, the correlation between two runs of one model on the same task: 1 when every run repeats the last, 0 when a
    /// run says nothing about the next.
    public let correlation: Double

    /// - Throws: `InvalidValue` unless `standardDeviation` ≥ 0 and −1 ≤ `correlation` ≤ 1.
    public init(standardDeviation: Double, correlation: Double) throws(InvalidValue) {
        guard standardDeviation >= 0, standardDeviation.isFinite else {
            throw InvalidValue(field: "standardDeviation", value: "\(standardDeviation)", expected: "0 or more")
        }
        guard -1 <= correlation, correlation <= 1 else {
            throw InvalidValue(field: "correlation", value: "\(correlation)", expected: "-1 to 1")
        }
        self.standardDeviation = standardDeviation
        self.correlation = correlation
    }

    /// For scores of 0 and 1 with the given mean: √(p(1 − p)).
    ///
    /// - Throws: `InvalidValue` unless 0 ≤ `binaryMean` ≤ 1 and −1 ≤ `correlation` ≤ 1.
    public init(binaryMean: Double, correlation: Double) throws(InvalidValue) {
        guard 0 <= binaryMean, binaryMean <= 1 else {
            throw InvalidValue(field: "binaryMean", value: "\(binaryMean)", expected: "0 to 1")
        }
        try self.init(
            standardDeviation: (binaryMean * (1 - binaryMean)).squareRoot(), correlation: correlation)
    }

    /// Measured by running one model twice on the same tasks, the two runs as the two sides of the sample.
    ///
    /// Both runs share one mean and one variance s² = Σ((x − m)² + (y − m)²) / 2n, and ρ = Σ(x − m)(y − m) / n s²,
    /// which is Fisher's intraclass correlation of pairs (R. A. Fisher, Statistical Methods for Research Workers,
    /// 1925, section 38). It makes `ofDifference` exactly √(Σ(x − y)² / n). When all scores are equal there is no
    /// spread and ρ is 1.
    ///
    /// - Throws: `InvalidValue` naming `pairs` for fewer than two.
    public init(measuredBy runs: PairedSample) throws(InvalidValue) {
        try runs.requireTwo()
        let all = runs.pairs.flatMap { [Int128($0.champion.nano), Int128($0.challenger.nano)] }
        let (total, n) = (all.reduce(0, +), Double(runs.count))
        // 2n·x − Σ is 2n times the distance from the common mean, and exact.
        let spread = PairedSample.sumOfSquares(all.map { Int128(all.count) * $0 - total }) / (4 * n * n)
        let apart = PairedSample.sumOfSquares(runs.pairs.map(\.difference))
        try self.init(
            standardDeviation: (spread / (2 * n)).squareRoot() / PairedSample.unit,
            correlation: spread > 0 ? max(-1, 1 - apart / spread) : 1)
    }

    /// s_d = sd · √(2(1 − ρ)): the standard deviation over tasks of the difference between two runs.
    public var ofDifference: Double { standardDeviation * (2 * (1 - correlation)).squareRoot() }
}
