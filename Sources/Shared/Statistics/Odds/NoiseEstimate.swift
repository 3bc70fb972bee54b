public import Domain

/// What is known of how much two runs of one model differ in one environment, and from what.
public struct NoiseEstimate: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        /// The champion ran so many tasks twice.
        case reruns(tasks: Int)
        /// The spread is that of the champion's scores; how far two runs agree is assumed.
        case spread(tasks: Int)
        /// Scores of 0 and 1 with an assumed mean.
        case assumed
    }

    /// Fewer tasks than this that were run twice say too little to prefer them to an assumption.
    public static let leastReruns = 10

    public let noise: RerunNoise
    /// The distance of neighbouring scores, where all are 0 or 1.
    public let step: Score?
    public let source: Source

    /// From tasks that were run twice if there are enough, else from the spread of the scores.
    ///
    /// - Parameter correlation: Between two runs on a task, where it was not measured; 0, the worst, if nothing is known.
    /// - Throws: `InvalidValue` for a correlation outside −1 … 1, or fewer than two scores.
    public init(
        scores: [Score], reruns: [(first: Score, second: Score)], correlation: Double
    ) throws(InvalidValue) {
        let isMeasured = reruns.count >= Self.leastReruns
        let pairs = isMeasured ? reruns : scores.map { ($0, $0) }
        let sample = try PairedSample(pairs.map { ScorePair(champion: $0.first, challenger: $0.second) })
        let runs = try RerunNoise(measuredBy: sample)
        noise =
            isMeasured ? runs : try RerunNoise(standardDeviation: runs.standardDeviation, correlation: correlation)
        step = pairs.allSatisfy { Self.isBinary($0.first) && Self.isBinary($0.second) } ? .one : nil
        source = isMeasured ? .reruns(tasks: reruns.count) : .spread(tasks: scores.count)
    }

    /// Scores of 0 and 1.
    ///
    /// - Throws: `InvalidValue` unless 0 ≤ `assumedMean` ≤ 1 and −1 ≤ `correlation` ≤ 1.
    public init(assumedMean: Double, correlation: Double) throws(InvalidValue) {
        noise = try RerunNoise(binaryMean: assumedMean, correlation: correlation)
        step = .one
        source = .assumed
    }

    private static func isBinary(_ score: Score) -> Bool { score == .zero || score == .one }
}

extension NoiseEstimate.Source: CustomStringConvertible {
    public var description: String {
        switch self {
        case .reruns(let tasks): "\(tasks) tasks run twice"
        case .spread(let tasks): "spread of \(tasks) scores, correlation assumed"
        case .assumed: "assumed"
        }
    }
}
