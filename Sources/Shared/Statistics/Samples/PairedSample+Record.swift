public import Domain
public import Rules

extension PairedSample {
    /// The environment's tasks of a slate that the challenger has decided, as they count: a failure of the model's own
    /// is the lowest score on either side.
    ///
    /// Of a contest that stopped early these are not a random part of the slate, and their mean is biased by the
    /// stopping: publish the interval of the sums instead, unless `count` is the slate's length.
    ///
    /// - Parameter cluster: A task's cluster key, where the environment has them.
    /// - Throws: `InvalidValue` naming `environment` when the rule does not name it, or `pairs` when nothing is
    ///   decided.
    public init(
        of environment: EnvironmentName, in record: ContestRecord, cluster: (TaskID) -> String? = { _ in nil }
    ) throws(InvalidValue) {
        guard let bounds = record.rule.terms(of: environment)?.bounds, let slate = record.slate(of: environment) else {
            throw InvalidValue(
                field: "environment", value: environment.rawValue, expected: "an environment that the rule names")
        }
        var pairs: [ScorePair] = []
        for task in slate {
            guard case .decided(let score) = task.challenge(within: bounds) else { continue }
            pairs.append(
                ScorePair(champion: task.baseline(within: bounds), challenger: score, cluster: cluster(task.task)))
        }
        try self.init(pairs)
    }
}
