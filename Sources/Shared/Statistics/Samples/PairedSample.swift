public import Domain

/// Both sides' scores on one task.
public struct ScorePair: Hashable, Sendable {
    public let champion: Score
    public let challenger: Score
    /// Tasks with the same key are expected to succeed and fail together, such as those of one repository.
    public let cluster: String?

    public init(champion: Score, challenger: Score, cluster: String? = nil) {
        self.champion = champion
        self.challenger = challenger
        self.cluster = cluster
    }

    /// Challenger less champion, in nano-units.
    var difference: Int128 { Int128(challenger.nano) - Int128(champion.nano) }
}

/// The tasks of one environment on which both sides have a score, and their paired differences d = x − c.
///
/// Sums are exact integers of nano-units, so nothing here depends on the order of the pairs, except the bootstrap,
/// which draws by position. What is published as a number of floating point is in units of scores.
public struct PairedSample: Hashable, Sendable {
    public let pairs: [ScorePair]
    /// Σd in nano-units.
    public let sum: Int128

    /// - Parameter pairs: In slate order, which is that of the bootstrap's draws.
    /// - Throws: `InvalidValue` naming `pairs` when there are none.
    public init(_ pairs: [ScorePair]) throws(InvalidValue) {
        guard !pairs.isEmpty else {
            throw InvalidValue(field: "pairs", value: "0", expected: "at least one task with both scores")
        }
        self.pairs = pairs
        sum = pairs.reduce(0) { $0 + $1.difference }
    }

    /// n, the number of tasks.
    public var count: Int { pairs.count }

    /// d̄ = Σd / n, in units of scores.
    public var meanDifference: Double { Double(sum) / (Double(count) * Self.unit) }

    /// s_d, the sample standard deviation of the differences with n − 1 below, in units of scores; NaN for one task.
    public var standardDeviation: Double {
        // n·d − Σd is n times the distance from the mean, and exact.
        let deviations = pairs.map { Int128(count) * $0.difference - sum }
        let n = Double(count)
        return (Self.sumOfSquares(deviations) / (n - 1)).squareRoot() / n / Self.unit
    }

    /// s_d / √n, in units of scores; NaN for one task.
    public var standardError: Double { standardDeviation / Double(count).squareRoot() }

    static let unit = Double(Score.unit)

    /// Σv², rounded. Squares of large scores leave 128 bits, so they are added as floating point, in ascending order:
    /// the smallest error, and the same bits whatever order the tasks came in.
    static func sumOfSquares(_ values: [Int128]) -> Double {
        values.map { Double($0.magnitude) }.sorted().reduce(0) { $0 + $1 * $1 }
    }

    func requireTwo() throws(InvalidValue) {
        guard count >= 2 else {
            throw InvalidValue(field: "pairs", value: String(count), expected: "at least two tasks to see a spread")
        }
    }

    static func check(level: Double) throws(InvalidValue) {
        try Probability.check(level, field: "level")
    }
}

enum Probability {
    /// - Throws: `InvalidValue` unless 0 < `value` < 1.
    static func check(_ value: Double, field: String) throws(InvalidValue) {
        guard 0 < value, value < 1 else {
            throw InvalidValue(field: field, value: "\(value)", expected: "a number above 0 and below 1")
        }
    }
}
