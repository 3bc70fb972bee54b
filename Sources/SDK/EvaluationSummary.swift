public import Domain
internal import Statistics

/// What an evaluation in one environment came to.
public struct EvaluationSummary: Sendable {
    /// A range that covers the true mean in 95 % of such samples, by Student's t.
    public struct Interval: Hashable, Sendable {
        public let lower: Double
        public let upper: Double
    }

    private let lowest: Score
    private var scores: [Score] = []
    /// All results that were added.
    public private(set) var tasks = 0
    /// Those with a score of their own.
    public private(set) var scored = 0
    /// How often each fault's code ended a task, the model's own faults included.
    public private(set) var faults: [String: Int] = [:]

    /// - Parameter bounds: The environment's: a model's own fault counts as its lowest score, as in an arena.
    public init(bounds: ScoreBounds = .zeroToOne) {
        lowest = bounds.lo
    }

    public mutating func add(_ result: TaskResult) {
        tasks += 1
        scored += result.outcome == .scored ? 1 : 0
        if result.counts { scores.append(result.score ?? lowest) }
        if let code = result.errorCode { faults[code, default: 0] += 1 }
    }

    /// Tasks that were scored, and those that the model itself failed.
    public var counted: Int { scores.count }

    /// Over what counts; nil while nothing does.
    public var mean: Double? { sample?.meanDifference }

    /// Of the mean; nil for fewer than two tasks.
    public var interval: Interval? {
        guard let interval = try? sample?.interval() else { return nil }
        return Interval(lower: interval.lower, upper: interval.upper)
    }

    /// A mean is a mean difference from zero.
    private var sample: PairedSample? {
        try? PairedSample(scores.map { ScorePair(champion: .zero, challenger: $0) })
    }
}
