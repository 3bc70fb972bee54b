import Domain

/// One environment's standing, and how it moves when the challenger's decided scores are changed within the bounds.
///
/// For `count` changes the `count` tasks with the largest possible change are taken, each all the way to its bound. No
/// other choice can do better: a standing depends on the challenger's scores through their sum alone; a task cannot
/// move it by more than its own largest change; so any `count` tasks move the sum by at most the `count` largest
/// changes together. Hence if any `count` changes reach a goal that is monotone in the sum, these do. Ties go to the
/// earlier slate position.
///
/// A confidence bound also looks at the spread, which a change can widen: there the changes that are found are enough,
/// but not always the fewest.
public struct ChangeableStanding: Sendable {
    public let standing: Standing
    /// Towards `hi`, the largest rise first; tasks that are at `hi` already are left out. Likewise `falls` towards
    /// `lo`.
    let rises: [ScoreChange]
    let falls: [ScoreChange]
    /// By how much the first 0, 1, 2 … changes together raise or lower the challenger's sum.
    private let risen: [ScoreSum]
    private let fallen: [ScoreSum]
    /// Nil unless the terms ask for confidence and every task is decided.
    private let pairs: PairedSums?

    init(_ standing: Standing, slate: EnvironmentSlate) {
        let bounds = standing.terms.bounds
        self.standing = standing
        rises = Self.changes(of: slate, to: bounds.hi, within: bounds)
        falls = Self.changes(of: slate, to: bounds.lo, within: bounds)
        pairs = standing.terms.confidence == nil ? nil : PairedSums(slate, under: standing.terms)
        risen = Self.running(rises)
        fallen = Self.running(falls)
    }

    func changes(for goal: ChangeGoal) -> [ScoreChange] { goal.isUpwards ? rises : falls }

    /// The standing once the first `count` of the changes are made.
    func standing(after count: Int, for goal: ChangeGoal) -> Standing {
        let moved = (goal.isUpwards ? risen : fallen)[count]
        let tally = EnvironmentTally(
            tasks: standing.tally.tasks, championSum: standing.tally.championSum, decided: standing.tally.decided,
            challengerSum: standing.tally.challengerSum + moved)
        return Standing(terms: standing.terms, tally: tally, pairs: pairs(after: count, for: goal))
    }

    private func pairs(after count: Int, for goal: ChangeGoal) -> PairedSums? {
        guard var pairs else { return nil }
        for change in changes(for: goal).prefix(count) {
            pairs.move(change.position, by: Int128(change.changed.nano) - Int128(change.score.nano))
        }
        return pairs
    }

    /// The fewest changed scores with which `truth` meets the goal; nil when all of them are not enough. `truth` must
    /// be monotone in the challenger's sum, as a rule's kind is.
    public func fewest(for goal: ChangeGoal, _ truth: (Standing) -> Trivalent) -> Int? {
        var (low, high) = (0, changes(for: goal).count)
        guard goal.isMet(by: truth(standing(after: high, for: goal))) else { return nil }
        while low < high {
            let middle = low + (high - low) / 2
            if goal.isMet(by: truth(standing(after: middle, for: goal))) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private static func changes(
        of slate: EnvironmentSlate, to bound: Score, within bounds: ScoreBounds
    ) -> [ScoreChange] {
        var changes: [ScoreChange] = []
        for task in slate {
            guard case .decided(let score) = task.challenge(within: bounds), score != bound else { continue }
            changes.append(
                ScoreChange(
                    environment: task.environment, position: task.position, task: task.task, score: score,
                    changed: bound))
        }
        return changes.sorted { (-size($0), $0.position) < (-size($1), $1.position) }
    }

    private static func size(_ change: ScoreChange) -> Int128 {
        Int128((Int128(change.changed.nano) - Int128(change.score.nano)).magnitude)
    }

    private static func running(_ changes: [ScoreChange]) -> [ScoreSum] {
        var sums = [ScoreSum.zero]
        var sum = ScoreSum.zero
        for change in changes {
            sum = ScoreSum(nano: sum.nano + Int128(change.changed.nano) - Int128(change.score.nano))
            sums.append(sum)
        }
        return sums
    }
}

/// How an environment's number of changes is chosen from.
extension [Int?] {
    /// The `count` smallest numbers, the earlier of equals first, in their places and 0 elsewhere; nil when there are
    /// fewer.
    func smallest(_ count: Int) -> [Int]? {
        guard count > 0 else { return map { _ in 0 } }
        let order = indices.compactMap { index in self[index].map { ($0, index) } }.sorted { $0 < $1 }
        guard order.count >= count else { return nil }
        var chosen = [Int](repeating: 0, count: self.count)
        for (number, index) in order.prefix(count) { chosen[index] = number }
        return chosen
    }

    /// All of them; nil when one is nil.
    var all: [Int]? { smallest(count) }
}

extension [Int] {
    var total: Int { reduce(0, +) }
}
