public import Domain

/// The order in which a challenger's tasks run. It never changes a verdict, only when it is known.
public enum TaskOrder {
    /// Slate indices, those with the champion's lowest scores first: where the champion failed there is most to gain, so
    /// these tasks decide soonest. Of equal ones those first that took the champion longest, so that no long job is begun
    /// when all others have ended (Graham, SIAM J. Appl. Math. 1969); then in slate order.
    ///
    /// - Parameter durations: Of the champion's jobs, in any unit; empty where they are not known.
    public static func challenger(baseline: [Score], durations: [Int64] = []) -> [Int] {
        precondition(durations.isEmpty || durations.count == baseline.count, "a duration for each score, or none")
        func key(_ index: Int) -> (Score, Int64, Int) {
            (baseline[index], durations.isEmpty ? 0 : -durations[index], index)
        }
        return baseline.indices.sorted { key($0) < key($1) }
    }

    /// The turn of each environment, from 0: the cheaper it is to refute a challenger that is no better than the
    /// champion, the sooner; one that is refuted there costs nothing in the others.
    public static func turns(of environments: [Refutation]) -> [Int] {
        let costs = environments.map(\.expectedCost)
        let order = costs.indices.sorted { (costs[$0], $0) < (costs[$1], $1) }
        var turns = costs.map { _ in 0 }
        for (turn, index) in order.enumerated() { turns[index] = turn }
        return turns
    }
}

/// What it takes to see in one environment that a challenger is no better than the champion.
public struct Refutation: Hashable, Sendable {
    /// The champion's scores in slate order.
    public let baseline: [Score]
    public let hi: Score
    public let margin: Score
    /// Of one job, in any unit that the environments share.
    public let cost: Int64

    public init(baseline: [Score], hi: Score, margin: Score, cost: Int64) {
        self.baseline = baseline
        self.hi = hi
        self.margin = margin
        self.cost = cost
    }

    /// The cost of the jobs until U ≤ 0 (`Standing.upper`), for a model as good as the champion whose result on a task
    /// lies half way between the champion's there and its mean: the tasks the champion failed run first, and each is
    /// expected to take hi − x away from U.
    public var expectedCost: Int128 {
        let count = Int128(baseline.count)
        let sum = baseline.reduce(ScoreSum.zero) { $0 + $1 }.nano
        // Both in units of nano / 2N.
        var upper = 2 * count * (count * (Int128(hi.nano) - Int128(margin.nano)) - sum)
        var jobs: Int128 = 0
        for index in TaskOrder.challenger(baseline: baseline) where upper > 0 {
            upper -= count * (2 * Int128(hi.nano) - Int128(baseline[index].nano)) - sum
            jobs += 1
        }
        return jobs * Int128(cost)
    }
}
