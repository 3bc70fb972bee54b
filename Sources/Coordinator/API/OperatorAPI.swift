public import Coordinator
internal import Domain
internal import FoundationEssentials
internal import HTTPTypes
public import Hummingbird
public import Logging
internal import NIOCore
public import Postgres

/// Acts are posted; nothing else is served but their description.
private struct ActsOnly<Context: RequestContext>: RouterMiddleware {
    @concurrent func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post || request.uri.path.hasSuffix("/openapi.json") else {
            throw HTTPError(.methodNotAllowed, headers: [.allow: "POST"], message: "only acts are served here: POST")
        }
        return try await next(request, context)
    }
}

/// What an operator may change over HTTP, with a token that allows it and a reason: the acts of `af arena`, `af window rotate`,
/// `af contest void` and `af miner invalidate|reinstate`.
public struct OperatorAPI: Sendable {
    /// Of a request's body: more than the longest reason takes, each character of it escaped.
    private static let mostBytes = 16_384

    private let database: Database
    private let tokens: OperatorTokens
    private let settings: ArenaSettings
    private let logger: Logger

    public init(database: Database, settings: ArenaSettings, logger: Logger) {
        self.database = database
        self.settings = settings
        self.logger = logger
        tokens = OperatorTokens(database: database)
    }

    /// Puts the routes under `/api/v1/operator`.
    public func addRoutes(to router: Router<some RequestContext>) {
        router.add(middleware: JSONErrors())
        router.add(middleware: ActsOnly())
        let api = router.group("api/v1/operator")
        api.get("openapi.json") { _, _ in Self.answer(String(decoding: PackageResources.operator_json, as: UTF8.self)) }
        api.post("arena/pause") { request, _ in
            try await act(.arena, request) { try await $0.control.pause(reason: $0.reason) }
        }
        api.post("arena/resume") { request, _ in
            try await act(.arena, request) { try await $0.control.resume(reason: $0.reason) }
        }
        api.post("windows/rotate") { request, _ in
            try await act(.arena, request) { try await $0.control.rotate(reason: $0.reason) }
        }
        api.post("contests/:contest/void") { request, context in
            let text = context.parameters.get("contest") ?? ""
            guard let number = Int64(text) else {
                throw HTTPError(.notFound, message: "'\(text.prefix(40))' is no contest: expected its number")
            }
            let arena = Arena(database: database, settings: settings, logger: logger)
            return try await act(.contests, request) {
                try await arena.voidContest(ContestID(rawValue: number), reason: $0.reason, actor: $0.actor)
            }
        }
        api.post("miners/:hotkey/invalidate") { request, context in
            let hotkey = try hotkey(context)
            return try await act(.miners, request) { try await $0.control.invalidate(hotkey, reason: $0.reason) }
        }
        api.post("miners/:hotkey/reinstate") { request, context in
            let hotkey = try hotkey(context)
            return try await act(.miners, request) { try await $0.control.reinstate(hotkey, reason: $0.reason) }
        }
    }

    /// Who does something, and why.
    private struct Act: Sendable {
        let control: ArenaControl
        let actor: String
        let reason: String
    }

    private struct Body: Decodable {
        let reason: String
    }

    /// The token first, so that whoever has none learns nothing else.
    private func act(
        _ scope: OperatorScope, _ request: Request, _ body: @Sendable (Act) async throws -> Void
    ) async throws -> Response {
        let actor = "operator \(try await holder(of: request, for: scope))"
        let act = Act(
            control: ArenaControl(database: database, actor: actor), actor: actor, reason: try await reason(in: request)
        )
        do {
            try await body(act)
        } catch let error as InvalidValue {
            // A reason that is none, or an act that does not apply as things stand.
            throw HTTPError(error.field == "reason" ? .unprocessableContent : .conflict, message: error.description)
        } catch let error as PostgresError where error.sqlState == "AF001" {
            // What the schema refuses, in its own words.
            throw HTTPError(.conflict, message: error.message)
        }
        return Self.answer(#"{"status":"done"}"#)
    }

    private static func answer(_ json: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: .init(string: json)))
    }

    private func holder(of request: Request, for scope: OperatorScope) async throws -> String {
        let words = (request.headers[.authorization] ?? "").split(separator: " ")
        let challenge: HTTPFields = [.wwwAuthenticate: "Bearer"]
        guard words.count == 2, words[0].lowercased() == "bearer" else {
            throw HTTPError(
                .unauthorized, headers: challenge, message: "a token is needed: 'Authorization: Bearer affine.…'")
        }
        do {
            return try await tokens.holder(of: String(words[1]), for: scope)
        } catch let error as OperatorTokenError {
            guard case .lacksScope = error else {
                throw HTTPError(.unauthorized, headers: challenge, message: error.description)
            }
            throw HTTPError(.forbidden, message: error.description)
        }
    }

    private func reason(in request: Request) async throws -> String {
        let bytes: ByteBuffer
        do { bytes = try await request.body.collect(upTo: Self.mostBytes) } catch is NIOTooManyBytesError {
            throw HTTPError(.contentTooLarge, message: "the body is larger than \(Self.mostBytes) bytes")
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(bytes.readableBytesView)) else {
            throw HTTPError(
                .unprocessableContent, message: #"the body is not valid: expected JSON such as {"reason": "why"}"#)
        }
        return body.reason
    }

    private func hotkey(_ context: some RequestContext) throws -> Hotkey {
        let text = context.parameters.get("hotkey") ?? ""
        do { return try Hotkey(text) } catch {
            throw HTTPError(.notFound, message: "'\(text.prefix(60))' is no hotkey: \(error.expected)")
        }
    }
}
