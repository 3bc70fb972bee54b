import Domain

/// The sums of a complete slate that its confidence bound follows from: integers, whatever the order of the tasks.
///
/// With S_g the sum of the differences x − c in cluster g, n_g its number of tasks and D = Σ S_g, a cluster's distance from
/// the mean is (n S_g − n_g D)/n, and
///
///     Σ_g (n S_g − n_g D)² = n² Σ S_g² − 2 n D Σ n_g S_g + D² Σ n_g²
///
/// `EnvironmentTerms.check` keeps n²(hi − lo) below 2^62, and so each of these terms below 2^125.
struct PairedSums {
    private let tasks: Int128
    /// Each task's cluster, by slate position.
    private let cluster: [Int]
    private let sizes: [Int128]
    private let sumOfSquaredSizes: Int128
    private var sums: [Int128]
    /// D.
    private var difference: Int128 = 0
    private var sumOfSquares: Int128 = 0
    private var sumOfProducts: Int128 = 0

    /// Nil while a task of the slate is undecided.
    init?(_ slate: EnvironmentSlate, under terms: EnvironmentTerms) {
        var numbers: [Int64: Int] = [:]
        cluster = slate.ids.map { task in
            let span = Self.span(of: task, length: terms.clusterSpan)
            let number = numbers[span] ?? numbers.count
            numbers[span] = number
            return number
        }
        var sizes = [Int128](repeating: 0, count: numbers.count)
        for number in cluster { sizes[number] += 1 }
        self.sizes = sizes
        sumOfSquaredSizes = sizes.reduce(0) { $0 + $1 * $1 }
        tasks = Int128(slate.count)
        sums = [Int128](repeating: 0, count: sizes.count)
        for task in slate {
            guard case .decided(let score) = task.challenge(within: terms.bounds) else { return nil }
            let baseline = task.baseline(within: terms.bounds)
            move(task.position, by: Int128(score.nano) - Int128(baseline.nano))
        }
    }

    /// Adds to one task's difference.
    mutating func move(_ position: Int, by change: Int128) {
        let number = cluster[position]
        let before = sums[number]
        sums[number] += change
        difference += change
        sumOfSquares += sums[number] * sums[number] - before * before
        sumOfProducts += sizes[number] * change
    }

    /// Whether the bound lies above the margin; at equality it does not. The inequality is squared and brought to integers:
    ///
    ///     D − n m > 0  and  (D − n m)² · (G − 1) n² 10¹²  >  critical² G · Σ_g (n S_g − n_g D)²
    func clears(_ bound: ConfidenceBound, margin: Score) -> Bool {
        let gap = difference - tasks * Int128(margin.nano)
        guard gap > 0, sizes.count > 1 else { return false }
        let spread =
            tasks * tasks * sumOfSquares - 2 * tasks * difference * sumOfProducts
            + difference * difference * sumOfSquaredSizes
        let (clusters, critical) = (UInt128(sizes.count), UInt128(bound.criticalMicro))
        let left = (gap.magnitude * gap.magnitude).multipliedFullWidth(
            by: (clusters - 1) * tasks.magnitude * tasks.magnitude * 1_000_000_000_000)
        let right = spread.magnitude.multipliedFullWidth(by: critical * critical * clusters)
        return (left.high, left.low) > (right.high, right.low)
    }

    /// Which span of `length` ids a task's id lies in.
    private static func span(of task: TaskID, length: Int64) -> Int64 {
        let (quotient, remainder) = task.rawValue.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
