package import Domain
public import HTTPClient
public import Postgres
internal import Records

/// Reads the ranges of task ids of environments whose data sets grow. They act when the next window opens; a source that
/// can't be read, or says what makes no sense, leaves the last good ones.
public struct RangeSources: Sendable {
    private let database: Database
    private let http: HTTPClient
    private let readsPrivate: Bool

    /// - Parameter readsPrivate: Whether a source may be at an address of our own network.
    public init(database: Database, http: HTTPClient, readsPrivate: Bool) {
        self.database = database
        self.http = http
        self.readsPrivate = readsPrivate
    }

    /// Reads every source that was not read in the last minute; what is wrong with one is noted and keeps no other from being read.
    public func refresh() async throws {
        for source in try await database.run(TakeDueSources()) {
            let problem: String
            do {
                try await store(Self.ranges(in: fetch(source.url), field: source.field), of: source)
                problem = ""
            } catch  where !Task.isCancelled { problem = "\(error)".storable(1_000) }
            try await database.run(NoteSource(environment: source.environment, problem: problem))
        }
    }

    /// Of one environment; an event tells of all of them.
    private static let mostRanges = 100

    private func fetch(_ url: String) async throws -> JSONValue {
        let answer = try await http.send(
            HTTPRequest(url: url, maximumResponseBytes: 1 << 20, onlyPublicAddresses: !readsPrivate))
        guard answer.status == 200, let value = JSONValue(json: answer.body)
        else {
            throw InvalidValue(field: "range_source", value: "status \(answer.status)", expected: "200 with JSON")
        }
        return value
    }

    /// A number N stands for 0..<N, a list of up to 100 pairs for half-open ranges.
    ///
    /// - Returns: Ranges in order that neither overlap nor touch.
    /// - Throws: `InvalidValue` for anything else.
    package static func ranges(in document: JSONValue, field: String) throws(InvalidValue) -> [Range<Int64>] {
        let value = field.split(separator: ".").reduce(Optional(document)) { $0?[String($1)] }
        let wrong = { (text: String) in
            InvalidValue(field: field, value: text, expected: "a number of tasks, or pairs of ids such as [[0, 1000]]")
        }
        if let count = value?.integerValue {
            guard count > 0 else { throw wrong("\(count)") }
            return [0..<count]
        }
        guard let pairs = value?.arrayValue, !pairs.isEmpty, pairs.count <= mostRanges else {
            throw wrong(value == nil ? "absent" : value?.arrayValue.map { "\($0.count) pairs" } ?? "something else")
        }
        var ranges: [Range<Int64>] = []
        for pair in pairs {
            guard let ends = pair.arrayValue, ends.count == 2, let lower = ends[0].integerValue,
                let upper = ends[1].integerValue, 0 <= lower, lower < upper
            else { throw wrong("a pair that is none") }
            ranges.append(lower..<upper)
        }
        return ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, range in
            guard let last = merged.last, range.lowerBound <= last.upperBound else { return merged.append(range) }
            merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
        }
    }

    private func store(_ ranges: [Range<Int64>], of source: TakeDueSources.Source) async throws {
        let count = ranges.reduce(Int64(0)) { $0 &+ Int64($1.count) }
        guard count >= Int64(source.samplingCount) else {
            throw InvalidValue(
                field: source.field, value: "\(count) tasks",
                expected: "\(source.samplingCount) or more, as many as are sampled")
        }
        try await database.transaction { session in
            guard try session.affectedRows(StoreRanges(environment: source.environment, ranges: ranges)) == 1 else {
                return
            }
            _ = try session.run(
                RecordEvent(
                    kind: "environment.ranges_read", subject: source.name.rawValue,
                    reason: ranges.map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: ", ")))
        }
    }
}

private struct TakeDueSources: Statement {
    struct Source: Sendable {
        var environment: Int16
        var name: EnvironmentName
        var url: String
        var field: String
        var samplingCount: Int32
    }

    /// Taken by whoever comes first: others leave it alone for a minute.
    static let sql = """
        UPDATE affine.environment SET range_checked_at = clock_timestamp()
        WHERE range_source IS NOT NULL AND enabled
          AND (range_checked_at IS NULL OR range_checked_at < clock_timestamp() - interval '1 minute')
        RETURNING id, name, range_source, range_field, sampling_count
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Source {
        try Source(
            environment: row.next(), name: row.next(), url: row.next(), field: row.next(), samplingCount: row.next())
    }
}

private struct StoreRanges: Statement {
    static let sql = """
        WITH read AS (SELECT range_agg(int8range(l, u)) AS ranges FROM unnest($2::int8[], $3::int8[]) AS r (l, u))
        UPDATE affine.environment SET dataset_ranges = read.ranges FROM read
        WHERE id = $1 AND dataset_ranges <> read.ranges
        """
    var environment: Int16
    var ranges: [Range<Int64>]

    func bind(_ bindings: inout Bindings) {
        bindings.append(environment)
        bindings.append(ranges.map(\.lowerBound))
        bindings.append(ranges.map(\.upperBound))
    }
}

private struct NoteSource: Statement {
    static let sql = "UPDATE affine.environment SET range_problem = $2 WHERE id = $1 AND range_problem <> $2"
    var environment: Int16
    var problem: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(environment)
        bindings.append(problem)
    }
}
