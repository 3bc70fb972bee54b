public import Domain

/// A range that covers the true mean difference in a share `level` of such contests, in units of scores.
public struct MeanInterval: Hashable, Sendable {
    public let lower: Double
    public let upper: Double
    public let level: Double
}

extension PairedSample {
    /// d̄ ± t(n − 1, (1 + level)/2) · s_d/√n: Student (1908); for models' scores E. Miller, Adding Error Bars to Evals
    /// (2024, arXiv 2411.00640), section on paired differences.
    ///
    /// - Throws: `InvalidValue` naming `pairs` for fewer than two, or `level` unless within (0, 1).
    public func interval(level: Double = 0.95) throws(InvalidValue) -> MeanInterval {
        try requireTwo()
        return try symmetric(level: level, standardError: standardError, degreesOfFreedom: count - 1)
    }

    /// d̄ − t(n − 1, level) · s_d/√n: in a share `level` of such contests the true mean difference lies above it.
    ///
    /// - Throws: As `interval` does.
    public func lowerBound(level: Double = 0.95) throws(InvalidValue) -> Double {
        try requireTwo()
        try Self.check(level: level)
        return meanDifference - StudentT(degreesOfFreedom: Double(count - 1)).quantile(level) * standardError
    }

    /// How many clusters there are. A task without a key is a cluster of its own.
    public var clusters: Int { members.count }

    /// √(G/(G − 1) · Σ_g (Σ_{t∈g} (d_t − d̄))²) / n over G clusters, in units of scores; NaN for one cluster.
    ///
    /// The sandwich of Liang and Zeger (Longitudinal Data Analysis Using Generalized Linear Models, Biometrika 1986)
    /// for a mean, with the correction G/(G − 1), known as CR1 (Cameron and Miller, A Practitioner's Guide to
    /// Cluster-Robust Inference, J. Human Resources 2015, section II.C). With every task its own cluster it is
    /// `standardError`.
    public var clusterRobustError: Double {
        // n times a cluster's sum of distances from the mean, exactly.
        let deviations = members.map { indices in
            let total = indices.reduce(Int128(0)) { $0 + pairs[$1].difference }
            return Int128(count) * total - Int128(indices.count) * sum
        }
        let (n, g) = (Double(count), Double(clusters))
        return (g / (g - 1) * Self.sumOfSquares(deviations)).squareRoot() / n / n / Self.unit
    }

    /// d̄ ± t(G − 1, (1 + level)/2) · `clusterRobustError`.
    ///
    /// With few clusters (below some thirty) even this is too narrow; see Cameron and Miller (2015), section VI.
    ///
    /// - Throws: `InvalidValue` naming `clusters` for fewer than two, or `level` unless within (0, 1).
    public func clusterInterval(level: Double = 0.95) throws(InvalidValue) -> MeanInterval {
        guard clusters >= 2 else {
            throw InvalidValue(field: "clusters", value: String(clusters), expected: "at least two to see a spread")
        }
        return try symmetric(level: level, standardError: clusterRobustError, degreesOfFreedom: clusters - 1)
    }

    /// Each cluster's positions, in the order in which the clusters first appear.
    var members: [[Int]] {
        var places: [String: Int] = [:]
        var members: [[Int]] = []
        for (index, pair) in pairs.enumerated() {
            if let key = pair.cluster, let place = places[key] {
                members[place].append(index)
                continue
            }
            if let key = pair.cluster { places[key] = members.count }
            members.append([index])
        }
        return members
    }

    private func symmetric(
        level: Double, standardError: Double, degreesOfFreedom: Int
    ) throws(InvalidValue) -> MeanInterval {
        try Self.check(level: level)
        // From the tail: (1 + level) / 2 would round away what makes a level near one.
        let t = -StudentT(degreesOfFreedom: Double(degreesOfFreedom)).quantile((1 - level) / 2)
        return MeanInterval(
            lower: meanDifference - t * standardError, upper: meanDifference + t * standardError, level: level)
    }
}
