internal import Coordinator
internal import Domain
internal import Hummingbird
internal import Postgres
internal import Statistics

extension PublicAPI {
    /// Contests, windows and what happens.
    func addHistoryRoutes(to api: RouterGroup<some RequestContext>) {
        api.get("contests") { request, _ in
            let page = try limit("limit", request, default: 50)
            let before = try before(request)
            return try await cached(request, "contests \(page) \(before ?? -1)") {
                try await first(ContestsDocument(before: before, limit: page))
            }
        }
        api.get("contests/:contest") { request, context in try await contest(request, context) }
        api.get("contests/:contest/export") { request, context in try await export(request, context) }
        api.get("windows") { request, _ in
            let page = try limit("limit", request, default: 50)
            let before = try before(request)
            return try await cached(request, "windows \(page) \(before ?? -1)") {
                try await first(WindowsDocument(before: before, limit: page))
            }
        }
        api.get("environments") { request, _ in
            try await cached(request, "environments") { try await first(EnvironmentsDocument()) }
        }
        api.get("events") { request, _ in try await feed.response(to: request) }
    }

    private func before(_ request: Request) throws -> Int64? {
        try request.uri.queryParameters["before"].map { try number("before", String($0)) }
    }

    /// A contest as the list has it, and once its window is closed all that explains it.
    private func contest(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let contest = try contest(context)
        guard let seal = try await database.run(ContestSeal(contest: contest)).first else { throw missing("contest") }
        return try await cached(request, "contest \(contest)") {
            let row = try await first(ContestDocument(contest: contest))
            guard seal.isOpen else { return #"{"contest":\#(row),"explanation":null,"is_sealed":true}"# }
            var explanation = "null"
            do {
                let (record, isOver) = try await ContestHistory(database: database).contest(contest)
                explanation = try ContestExplanation(contest: contest, record: record, isOver: isOver).jsonText()
            } catch HistoryError.archived {
                // The verdict stays, without what it can be explained from.
            }
            return #"{"contest":\#(row),"explanation":\#(explanation),"is_sealed":false}"#
        }
    }

    /// The whole record of a contest, once its window is closed: it names tasks and scores of an open one.
    private func export(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let contest = try contest(context)
        guard let seal = try await database.run(ContestSeal(contest: contest)).first, seal.isOver else {
            throw missing("contest that is over")
        }
        guard seal.isOpen else {
            throw HTTPError(.forbidden, message: "contest \(contest) is sealed until its window closes")
        }
        do {
            let archives = try await ContestHistory(database: database).archives(of: .contests([contest]))
            return Self.answer(try archives.first.jsonText())
        } catch HistoryError.archived(_, let window) {
            throw HTTPError(.gone, message: "contest \(contest) was archived with window \(window)")
        }
    }

    private func contest(_ context: some RequestContext) throws -> ContestID {
        ContestID(rawValue: try number("contest", context.parameters.get("contest") ?? ""))
    }
}
