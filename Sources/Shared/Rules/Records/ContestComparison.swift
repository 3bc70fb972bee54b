public import Domain

/// How two validators saw the same contest: a miner against a champion.
public struct ContestComparison: Hashable, Sendable {
    /// One environment's results, task by task as far as both have the task.
    public struct Environment: Hashable, Sendable {
        public let environment: EnvironmentName
        /// Tasks on both slates.
        public let tasks: Int
        /// Tasks on one of them only.
        public let onlyInA: Int
        public let onlyInB: Int
        /// Tasks on which the champion has the same result, and the challenger.
        public let championAgrees: Int
        public let challengerAgrees: Int
        /// A's scores less B's, added up over the tasks that both have decided: where one validator's machines are kinder.
        public let championDifference: ScoreSum
        public let challengerDifference: ScoreSum
    }

    /// A task on which the two differ.
    public struct Row: Hashable, Sendable {
        public let environment: EnvironmentName
        public let task: TaskID
        /// `champion` or `challenger`.
        public let side: String
        /// Nil where there is no result.
        public let a: TaskResult?
        public let b: TaskResult?
    }

    public let a: ContestArchive
    public let b: ContestArchive
    public let environments: [Environment]
    /// In the order of environments and A's slate, the champion first.
    public let rows: [Row]

    public init(_ a: ContestArchive, _ b: ContestArchive) {
        self.a = a
        self.b = b
        var environments: [Environment] = []
        var rows: [Row] = []
        for slate in a.record.slates {
            guard let other = b.record.slate(of: slate.environment) else { continue }
            let found = Self.compare(slate, other, bounds: a.record.rule.terms(of: slate.environment)?.bounds)
            environments.append(found.environment)
            rows += found.rows
        }
        self.environments = environments
        self.rows = rows
    }

    /// Whether both validators would have to come to the same verdict, and did.
    public var agrees: Bool {
        rows.isEmpty && a.stored.verdict.decision == b.stored.verdict.decision && a.record.rule == b.record.rule
            && a.record.slates.map(\.ids) == b.record.slates.map(\.ids)
    }

    /// The verdict of A's scores under B's rule; why there is none.
    public var scoresOfAUnderRuleOfB: Result<Verdict.Decision, InvalidValue> { Self.verdict(of: a, under: b) }

    /// The verdict of B's scores under A's rule; why there is none.
    public var scoresOfBUnderRuleOfA: Result<Verdict.Decision, InvalidValue> { Self.verdict(of: b, under: a) }

    private static func verdict(
        of scores: ContestArchive, under rule: ContestArchive
    ) -> Result<Verdict.Decision, InvalidValue> {
        do throws(InvalidValue) {
            return .success(try scores.record.decide(under: rule.record.rule).decision)
        } catch { return .failure(error) }
    }

    private static func compare(
        _ a: EnvironmentSlate, _ b: EnvironmentSlate, bounds: ScoreBounds?
    ) -> (environment: Environment, rows: [Row]) {
        let places = Dictionary(zip(b.ids, b.indices)) { first, _ in first }
        var rows: [Row] = []
        var (shared, agreed, difference) = (0, [0, 0], [Int128(0), 0])
        for (position, task) in a.ids.enumerated() {
            guard let place = places[task] else { continue }
            shared += 1
            let sides = [("champion", a.champion, b.champion), ("challenger", a.challenger, b.challenger)]
            for (index, (side, ours, theirs)) in sides.enumerated() {
                if ours[position] == theirs[place] {
                    agreed[index] += 1
                } else {
                    rows.append(
                        Row(
                            environment: a.environment, task: task, side: side, a: ours[position], b: theirs[place]))
                }
                if let bounds, let own = ours.counted(position, within: bounds),
                    let other = theirs.counted(place, within: bounds)
                {
                    difference[index] += Int128(own) - Int128(other)
                }
            }
        }
        let environment = Environment(
            environment: a.environment, tasks: shared, onlyInA: a.count - shared, onlyInB: b.count - shared,
            championAgrees: agreed[0], challengerAgrees: agreed[1],
            championDifference: ScoreSum(nano: difference[0]), challengerDifference: ScoreSum(nano: difference[1]))
        return (environment, rows)
    }
}
