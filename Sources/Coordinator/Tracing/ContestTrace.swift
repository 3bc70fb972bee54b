public import Domain
public import Postgres
internal import Records

/// A contest as spans, put together from the job history: the contest, its environments and each attempt, and in a trace
/// of its own the champion's evaluation, which other contests share.
public struct ContestTrace: Sendable {
    /// The most spans of one request.
    private static let page: Int32 = 500

    let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Gives `body` one OTLP `ExportTraceServiceRequest` after another, each with the spans of one worker or of the
    /// coordinator; what it holds in memory does not grow with the contest.
    ///
    /// Identifiers follow from the contest, so that what is sent twice is the same trace.
    ///
    /// - Returns: How many spans there were.
    /// - Throws: `HistoryError` when the contest is unknown, not over or archived; what `body` throws.
    @discardableResult
    public func export(
        _ contest: ContestID, _ body: (JSONValue) async throws -> Void
    ) async throws -> Int {
        try await ContestHistory(database: database).checkIsOver(contest)
        let sides = try await database.run(LoadTracedSides(contest: contest))
        var count = 0
        for side in sides {
            let root = side.root
            let champion = side.isChampion ? nil : sides.first(where: \.isChampion)?.root.id
            var spans = [root]
            if !side.isChampion { spans[0].link = champion }
            let environments = try await database.run(LoadTracedEnvironments(side: side))
            spans += environments.map { $0.span(below: root.id) }
            try await body(TraceSpan.request(spans, service: "affine-coordinator"))
            count += spans.count
            for environment in environments {
                for first in stride(from: 0, to: environment.jobs, by: Int(Self.page)) {
                    let attempts = try await database.run(
                        LoadTracedAttempts(
                            side: side, environment: environment, first: Int32(first),
                            end: Int32(first) + Self.page))
                    for (worker, theirs) in Dictionary(grouping: attempts, by: \.worker).sorted(by: { $0.key < $1.key })
                    {
                        let spans = theirs.map { $0.span(below: root.id.below(environment.name), of: side) }
                        try await body(TraceSpan.request(spans, service: "affine-worker", instance: worker))
                        count += spans.count
                    }
                }
            }
        }
        return count
    }
}
