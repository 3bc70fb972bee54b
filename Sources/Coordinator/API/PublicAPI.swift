internal import Coordinator
internal import Digest
public import Domain
internal import HTTPTypes
public import Hummingbird
public import Postgres
public import ServiceLifecycle

/// The read routes that everybody may use, with the shapes that existing clients read. An answer is at most a second old.
public struct PublicAPI: Service {
    let database: Database
    let feed: EventFeed
    private let burn: Score
    private let cache = AnswerCache()

    /// - Parameter burn: The share that validators burn, as `/config` tells them.
    public init(database: Database, burn: Score) {
        self.database = database
        feed = EventFeed(database: database)
        self.burn = burn
    }

    /// Keeps the answers of busy routes young. Without it they are made when somebody waits for them.
    public func run() async {
        await cancelWhenGracefulShutdown { await cache.run() }
    }

    /// Puts the routes under `/api/v1`, and `/health` also at the root.
    public func addRoutes(to router: Router<some RequestContext>) {
        router.add(middleware: JSONErrors())
        router.add(middleware: ReadsOnly())
        router.get("health") { _, _ in Self.answer(#"{"service":"affine","status":"ok"}"#) }
        let api = router.group("api/v1")
        api.get("health") { _, _ in Self.answer(#"{"service":"affine","status":"ok"}"#) }
        api.get("rank/current") { request, _ in try await rank(request) }
        api.get("miners/uid/:uid") { request, context in
            try await one(request, MinerDocument(uid: try uid(context), hotkey: nil), missing: "miner")
        }
        api.get("miners/hotkey/:hotkey") { request, context in
            guard let hotkey = try? Hotkey(context.parameters.get("hotkey") ?? "") else { throw missing("miner") }
            return try await one(request, MinerDocument(uid: nil, hotkey: hotkey.rawValue), missing: "miner")
        }
        api.get("scores/latest") { request, _ in
            let top = try limit("top", request, default: 32)
            return try await cached(request, "scores \(top)") { try await first(ScoresDocument(top: top, uid: nil)) }
        }
        api.get("scores/uid/:uid") { request, context in try await score(request, of: try uid(context)) }
        api.get("scores/weights/latest") { request, _ in
            try await one(request, WeightsDocument(), missing: "weight snapshot")
        }
        addOtherRoutes(to: api)
        addHistoryRoutes(to: api)
    }

    private func addOtherRoutes(to api: RouterGroup<some RequestContext>) {
        api.get("openapi.json") { request, _ in
            Self.answer(String(decoding: PackageResources.openapi_json, as: UTF8.self), for: request)
        }
        api.get("config") { _, _ in Self.answer(#"{"configs":{"validator_burn_percentage":\#(burn)}}"#) }
        api.get("config/:key") { _, context in
            guard context.parameters.get("key") == "validator_burn_percentage" else { throw missing("configuration") }
            return Self.answer(#"{"param_name":"validator_burn_percentage","param_value":\#(burn)}"#)
        }
    }

    // MARK: Answers

    private func rank(_ request: Request) async throws -> Response {
        let (top, queue) = (try limit("top", request, default: 256), try limit("queue_limit", request, default: 256))
        return try await cached(request, "rank \(top) \(queue)") {
            let window = try await first(RankDocument())
            let waiting = try await first(QueueDocument(limit: queue))
            let scores = try await first(ScoresDocument(top: top, uid: nil))
            let meta = #"{"cache_age_seconds":0,"cache_status":"hit","database_query_time_ms":0}"#
            return #"{"meta":\#(meta),"queue":\#(waiting),"scores":\#(scores),"window":\#(window)}"#
        }
    }

    private func score(_ request: Request, of uid: Int32) async throws -> Response {
        let text = try await first(ScoresDocument(top: 1, uid: uid))
        guard case .object(let body)? = JSONValue(json: text.utf8), let row = body["scores"]?.arrayValue?.first else {
            throw missing("miner")
        }
        return Self.answer(try row.jsonText())
    }

    private func one(
        _ request: Request, _ statement: some PublicDocument, missing what: String
    ) async throws -> Response {
        guard let text = try await database.run(statement).first else { throw missing(what) }
        return Self.answer(text, for: request)
    }

    func first(_ statement: some PublicDocument) async throws -> String {
        try await database.run(statement).first ?? "{}"
    }

    func cached(
        _ request: Request, _ key: String, _ make: @escaping @Sendable () async throws -> String
    ) async throws -> Response {
        try await cache.answer(to: key, make).response(to: request)
    }

    func missing(_ what: String) -> HTTPError { HTTPError(.notFound, message: "there is no such \(what)") }

    static func answer(_ text: String, for request: Request? = nil) -> Response {
        Answer(text).response(to: request)
    }

    // MARK: Parameters

    /// `n1` is how existing clients write -1.
    private func uid(_ context: some RequestContext) throws -> Int32 {
        let text = context.parameters.get("uid") ?? ""
        guard let uid = Int32(text), uid >= 0 else { throw missing("miner") }
        return uid
    }

    func limit(_ name: String, _ request: Request, default value: Int64) throws -> Int64 {
        guard let text = request.uri.queryParameters[name[...]] else { return value }
        let number = try number(name, String(text))
        guard 1...256 ~= number else {
            throw HTTPError(.unprocessableContent, message: "\(name) '\(text)' is not valid: expected 1 to 256")
        }
        return number
    }

    func number(_ name: String, _ text: String) throws -> Int64 {
        guard let number = Int64(text), number >= 0 else {
            throw HTTPError(
                .unprocessableContent, message: "\(name) '\(text.prefix(40))' is not valid: expected a number")
        }
        return number
    }
}
