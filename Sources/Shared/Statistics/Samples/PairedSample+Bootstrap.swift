public import Domain

extension PairedSample {
    /// The percentile bootstrap interval of the mean difference: B times n tasks are drawn with replacement; of the B
    /// means in ascending order the k-th and the (B + 1 − k)-th are the ends, with k = ⌊(B + 1)(1 − level)/2⌋. Efron
    /// and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3. When a task names a cluster, whole
    /// clusters are drawn, as many as there are, and the mean is that of their tasks (Davison and Hinkley, Bootstrap
    /// Methods and Their Application, 1997, section 3.8).
    ///
    /// The percentile form rather than BCa: its sums are integers and it divides once, so that the same pairs in the
    /// same order with the same generator give the same bits on every machine. BCa would need a normal quantile for
    /// that.
    ///
    /// - Parameter generator: Where the draws come from, such as `SeededGenerator(hashing: "contest 812")`.
    /// - Throws: `InvalidValue` naming `pairs` for fewer than two tasks (or clusters), `level` unless within (0, 1), or
    ///   `resamples` when there are too few of them to have such an end, or more than a million.
    public func bootstrapInterval(
        level: Double = 0.95, resamples: Int = 10_000, generator: SeededGenerator
    ) throws(InvalidValue) -> MeanInterval {
        try requireTwo()
        try Self.check(level: level)
        // The smallest excess makes 0.05 · 10000 the 500 that was meant, although 1 − 0.9 is not 0.1.
        let rank = Int((Double(resamples) + 1) * (1 - level) / 2 + 1e-9)
        guard (1...1_000_000).contains(resamples), rank >= 1 else {
            throw InvalidValue(
                field: "resamples", value: String(resamples),
                expected: "at least \((2 / (1 - level)).rounded(.up)) for this level, and at most 1000000")
        }
        let units = drawnUnits
        guard units.count >= 2 else {
            throw InvalidValue(field: "clusters", value: "1", expected: "at least two to see a spread")
        }
        var generator = generator
        var means: [Double] = []
        means.reserveCapacity(resamples)
        for _ in 0..<resamples {
            means.append(Self.resampledMean(units, &generator))
        }
        means.sort()
        return MeanInterval(lower: means[rank - 1], upper: means[resamples - rank], level: level)
    }

    /// What is drawn: a cluster, or a task that has none; the sum of its differences and the number of its tasks.
    private var drawnUnits: [(sum: Int128, tasks: Int)] {
        members.map { indices in
            (indices.reduce(Int128(0)) { $0 + pairs[$1].difference }, indices.count)
        }
    }

    private static func resampledMean(_ units: [(sum: Int128, tasks: Int)], _ generator: inout SeededGenerator)
        -> Double
    {
        var sum: Int128 = 0
        var tasks = 0
        for _ in units.indices {
            let unit = units[Int(generator.draw(below: UInt64(units.count)))]
            sum += unit.sum
            tasks += unit.tasks
        }
        return Double(sum) / (Double(tasks) * unit)
    }
}
