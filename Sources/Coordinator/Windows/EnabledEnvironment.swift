internal import Domain
internal import Postgres
internal import Records
internal import Rules

/// An environment as the next window will freeze it.
struct EnabledEnvironment: Sendable {
    var id: Int16
    var name: EnvironmentName
    var bounds: ScoreBounds
    var margin: Score
    var samplingCount: Int32
    var tasks: TaskRanges
    var selection: TaskSelection
    var clusterSpan: Int64
    /// What `partial_pareto` allows; nil to fall behind by nothing.
    var tolerance: Tolerance?
    /// Nil for one with tasks of its own.
    var derived: TokenEfficiency?

    func pool(_ seed: WindowSeed) throws(InvalidValue) -> [TaskID] {
        try seed.pool(of: name, from: tasks, samplingCount: Int64(samplingCount), selection: selection)
    }
}

/// Derived environments after all others; with the sampling count of their source, which is not yet known to be sound.
struct LoadEnabledEnvironments: Statement {
    static let sql = """
        SELECT n.id, n.name, n.lo_nano, n.hi_nano, n.margin_nano, COALESCE(s.sampling_count, n.sampling_count), n.selection,
               n.cluster_span,
               (SELECT array_agg(lower(r) ORDER BY lower(r)) FROM unnest(n.dataset_ranges) AS r),
               (SELECT array_agg(upper(r) ORDER BY lower(r)) FROM unnest(n.dataset_ranges) AS r),
               n.tolerance_nano, n.additive_tolerance_nano, s.name, n.token_budget
        FROM affine.environment n LEFT JOIN affine.environment s ON s.id = n.derived_from
        WHERE n.enabled ORDER BY n.derived_from IS NOT NULL, n.name
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> EnabledEnvironment {
        let id: Int16 = try row.next()
        let name: EnvironmentName = try row.next()
        let lo: Int64 = try row.next()
        let hi: Int64 = try row.next()
        let margin: Int64 = try row.next()
        let samplingCount: Int32 = try row.next()
        let selection: String = try row.next()
        let clusterSpan: Int64 = try row.next()
        let lower: [Int64] = try row.next()
        let upper: [Int64] = try row.next()
        let (part, distance): (Int64?, Int64?) = (try row.next(), try row.next())
        let (source, budget): (EnvironmentName?, Int32?) = (try row.next(), try row.next())
        guard let bounds = ScoreBounds(lo: Score(nano: lo), hi: Score(nano: hi)),
            let selection = TaskSelection(rawValue: selection)
        else { throw PostgresError(.decoding, "environment \(name) has bounds or a selection that the schema refuses") }
        return EnabledEnvironment(
            id: id, name: name, bounds: bounds, margin: Score(nano: margin), samplingCount: samplingCount,
            tasks: TaskRanges(zip(lower, upper).map { $0..<$1 }), selection: selection, clusterSpan: clusterSpan,
            tolerance: part.map { .multiplicative(Score(nano: $0)) } ?? distance.map { .additive(Score(nano: $0)) },
            derived: source.map { TokenEfficiency(source: $0, tokenBudget: Int64(budget ?? 0)) })
    }
}
