public import Domain
public import Postgres
internal import Records
public import Rules

/// What an operator says of an environment. It takes effect when the next window opens.
public struct EnvironmentDefinition: Sendable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A reference environment that the worker itself contains.
        case builtin
        /// A server that speaks the affinetes protocol.
        case url
        /// A server of that protocol which workers run in containers.
        case container
        /// One that scores how few tokens another one's tasks took.
        case derived
    }

    public enum Selection: String, Sendable, Codable, CaseIterable {
        /// Drawn from all ids.
        case random
        /// Drawn from the highest ids.
        case latest
    }

    public struct RangeSource: Hashable, Sendable, Codable {
        public var url: String
        public var field: String

        public init(url: String, field: String) {
            self.url = url
            self.field = field
        }
    }

    public var name: EnvironmentName
    public var kind: Kind
    /// Only for `url`.
    public var baseURL: String?
    /// Only for `container`.
    public var container: ContainerSettings?
    public var bounds: ScoreBounds
    /// How much better, per task on average, a challenger has to be.
    public var margin: Score
    /// Tasks on a slate.
    public var samplingCount: Int32
    /// Half-open ranges of task ids.
    public var datasetRanges: [Range<Int64>]
    public var selection: Selection
    /// Where the ranges are read from from now on, and the dotted field in the JSON there.
    public var rangeSource: RangeSource?
    public var timeout: Duration
    public var temperature: Double
    /// Tries at a job before a fault that is nobody's is final.
    public var maximumAttempts: Int16
    /// Consecutive jobs that are claimed as one; nil for as many as are 25 s of work by what jobs were measured to take.
    public var runLength: Int16?
    /// Tasks with ids in the same span of so many are expected to succeed and fail together; 1 where none are.
    public var clusterSpan: Int64
    /// How far a challenger may fall behind without being worse, for `partial_pareto`; nil to fall behind by nothing.
    public var tolerance: Tolerance?
    /// Only for `derived`, which has the tasks of its source.
    public var derived: TokenEfficiency?
    /// Handed to `evaluate` as they are; a JSON object.
    public var parameters: [String: JSONValue]

    public init(
        name: EnvironmentName, kind: Kind = .builtin, baseURL: String? = nil, container: ContainerSettings? = nil,
        bounds: ScoreBounds, margin: Score, samplingCount: Int32, datasetRanges: [Range<Int64>],
        selection: Selection = .random,
        timeout: Duration = .seconds(600), temperature: Double = 0, maximumAttempts: Int16 = 3, runLength: Int16? = nil,
        clusterSpan: Int64 = 1, tolerance: Tolerance? = nil, derived: TokenEfficiency? = nil,
        rangeSource: RangeSource? = nil, parameters: [String: JSONValue] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.baseURL = baseURL
        self.container = container
        self.bounds = bounds
        self.margin = margin
        self.samplingCount = samplingCount
        self.datasetRanges = datasetRanges
        self.selection = selection
        self.timeout = timeout
        self.temperature = temperature
        self.maximumAttempts = maximumAttempts
        self.runLength = runLength
        self.clusterSpan = clusterSpan
        self.tolerance = tolerance
        self.derived = derived
        self.rangeSource = rangeSource
        self.parameters = parameters
    }

    /// - Throws: `InvalidValue` naming the field, its value and what is allowed.
    public func check() throws(InvalidValue) {
        let limit = Score(nano: 10_000 * Score.unit)
        guard bounds.lo.nano >= -limit.nano, bounds.hi <= limit else {
            throw invalid("bounds", bounds.description, "scores from -\(limit) to \(limit)")
        }
        let span = Score(nano: bounds.hi.nano - bounds.lo.nano)
        guard margin >= .zero, margin < span else {
            throw invalid("margin", margin.description, "0 or more, and less than the score span \(span) of \(bounds)")
        }
        if let range = datasetRanges.first(where: { $0.lowerBound < 0 }) {
            throw invalid("dataset_ranges", "\(range)", "task ids of 0 or more")
        }
        let tasks = TaskRanges(datasetRanges).count
        guard tasks > 0 else { throw invalid("dataset_ranges", "\(datasetRanges)", "at least one task id") }
        guard samplingCount >= 1, samplingCount <= 100_000, UInt64(samplingCount) <= tasks else {
            throw invalid(
                "sampling_count", String(samplingCount), "1 to \(min(tasks, 100_000)): the ranges hold \(tasks) tasks")
        }
        guard (kind == .url) == (baseURL != nil) else {
            throw invalid("base_url", baseURL ?? "none", "a URL for kind 'url', and none for other kinds")
        }
        guard (kind == .container) == (container != nil) else {
            throw invalid(
                "container", container?.image ?? "none", "an image for kind 'container', and none for other kinds")
        }
        do { try container?.check() } catch { throw invalid(error.field, error.value, error.expected) }
        try checkDerived()
        switch tolerance {
        case .multiplicative(let part): try checkTolerance("tolerance", part, atMost: .one)
        case .additive(let distance): try checkTolerance("additive_tolerance", distance, atMost: span)
        case nil: break
        }
        guard timeout >= .milliseconds(100), timeout <= .seconds(86_400) else {
            throw invalid("timeout", "\(timeout)", "0.1 to 86400 seconds")
        }
        guard (0...2).contains(temperature) else { throw invalid("temperature", "\(temperature)", "0 to 2") }
        guard (1...100).contains(maximumAttempts) else {
            throw invalid("max_attempts", "\(maximumAttempts)", "1 to 100")
        }
        guard clusterSpan >= 1 else { throw invalid("cluster_span", String(clusterSpan), "1 or more") }
        if let runLength, !(1...1_000).contains(runLength) { throw invalid("run_length", "\(runLength)", "1 to 1000") }
    }

    private func checkDerived() throws(InvalidValue) {
        guard (kind == .derived) == (derived != nil) else {
            throw invalid(
                "derived_from", derived?.source.rawValue ?? "none",
                "an environment and a token_budget for kind 'derived', and none for other kinds")
        }
        guard let derived else { return }
        guard derived.source != name else {
            throw invalid("derived_from", name.rawValue, "another environment")
        }
        guard TokenEfficiency.budgets.contains(derived.tokenBudget) else {
            throw invalid(
                "token_budget", String(derived.tokenBudget),
                "\(TokenEfficiency.budgets.lowerBound) to \(TokenEfficiency.budgets.upperBound) tokens")
        }
        guard bounds == .zeroToOne else {
            throw invalid("bounds", bounds.description, "\(ScoreBounds.zeroToOne), those of kind 'derived'")
        }
    }

    private func checkTolerance(_ field: String, _ value: Score, atMost most: Score) throws(InvalidValue) {
        guard .zero <= value, value <= most else { throw invalid(field, value.description, "0 to \(most)") }
    }

    private func invalid(_ field: String, _ value: String, _ expected: String) -> InvalidValue {
        InvalidValue(field: "environment \(name): \(field)", value: value, expected: expected)
    }
}

/// The environments that the next window will hold.
public struct EnvironmentCatalogue: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Adds environments in their order, or replaces what was said of them: all of them or none.
    ///
    /// - Throws: `InvalidValue`, `PostgresError`.
    public func define(_ definitions: [EnvironmentDefinition], actor: String) async throws {
        for definition in definitions { try definition.check() }
        try await database.transaction { session in
            for definition in definitions { try Self.store(definition, actor: actor, in: &session) }
        }
    }

    private static func store(
        _ definition: EnvironmentDefinition, actor: String, in session: inout Session
    ) throws {
        if let source = definition.derived?.source, try session.run(FindSource(name: source)).isEmpty {
            throw InvalidValue(
                field: "environment \(definition.name): derived_from", value: source.rawValue,
                expected: "an environment that is defined already and has tasks of its own")
        }
        let parameters = try definition.parameters.jsonText()
        _ = try session.run(
            UpsertEnvironment(
                definition: definition, parameters: parameters, container: definition.container?.jsonText()))
        _ = try session.run(
            RecordEvent(
                actor: actor, kind: "environment.defined", subject: definition.name.rawValue, detail: parameters))
    }
}
