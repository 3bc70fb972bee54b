internal import Domain
public import Environments
internal import HTTPTypes
public import Hummingbird
public import Inference
internal import NIOCore

/// Where the model of one call is to be asked.
public struct ChatEndpoint: Hashable, Sendable {
    public let model: String
    /// Ends in `/v1`, as callers give it.
    public let baseURL: String
    public let apiKey: String?
}

/// Serves one reference environment over the affinetes protocol; give it to a Hummingbird `Application` as responder.
public struct EnvironmentResponder<Context: RequestContext>: HTTPResponder {
    public typealias ModelMaker = @Sendable (ChatEndpoint) throws -> any ChatModel

    private let evaluator: ReferenceEvaluator
    private let difficulty: Int
    private let bodyLimit: Int
    private let grace: Duration
    private let makeModel: ModelMaker

    /// - Parameters:
    ///   - difficulty: of calls that name none.
    ///   - bodyLimit: in bytes; larger bodies are answered 413.
    ///   - grace: how long past its own `timeout` a call may run.
    public init(
        evaluator: ReferenceEvaluator, difficulty: Int = 0, bodyLimit: Int = 1 << 20, grace: Duration = .seconds(10),
        context: Context.Type = BasicRequestContext.self, makeModel: @escaping ModelMaker
    ) {
        self.evaluator = evaluator
        self.difficulty = difficulty
        self.bodyLimit = bodyLimit
        self.grace = grace
        self.makeModel = makeModel
    }

    public func respond(to request: Request, context: Context) async throws -> Response {
        do throws(AffinetesReply) {
            return try await reply(to: request).response
        } catch {
            return error.response
        }
    }

    private func reply(to request: Request) async throws(AffinetesReply) -> AffinetesReply {
        let path = request.uri.path.dropFirst()
        guard !path.isEmpty, !path.contains("/"), path != "openapi.json" else { throw .refused(.notFound, "Not Found") }
        switch (path, request.method) {
        case ("health", .get): return AffinetesReply(status: .ok, body: .object(["status": .string("ok")]))
        case ("methods", .get): return AffinetesReply(status: .ok, body: methods)
        case ("health", _), ("methods", _): throw .refused(.methodNotAllowed, "Method Not Allowed")
        case ("call", .post):
            return try await run(
                AffinetesCall(envelope: body(of: request), contentType: request.headers[.contentType]))
        case (_, .post): return try await run(AffinetesCall(method: String(path), body: body(of: request)))
        default: throw .refused(.methodNotAllowed, "Method Not Allowed")
        }
    }

    private func body(of request: Request) async throws(AffinetesReply) -> [UInt8] {
        do {
            return Array(try await request.body.collect(upTo: bodyLimit).readableBytesView)
        } catch {
            throw .refused(.contentTooLarge, "The body has more than \(bodyLimit) bytes")
        }
    }

    private func run(_ call: AffinetesCall) async throws(AffinetesReply) -> AffinetesReply {
        guard call.method == "evaluate" else { throw .refused(.notFound, "Method not found: \(call.method)") }
        let seconds = try EvaluateArguments.timeout(call)
        let arguments = try EvaluateArguments(
            call, environment: evaluator.environment.name, difficulty: difficulty,
            timeout: seconds.map { .seconds($0) })
        guard let seconds else { return await evaluate(arguments) }
        return await withTaskGroup(of: AffinetesReply?.self) { group in
            group.addTask { await evaluate(arguments) }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds) + grace)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            let text = seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
            return first ?? .failed("Task execution exceeded timeout of \(text)s (+\(grace.components.seconds)s grace)")
        }
    }

    private func evaluate(_ arguments: EvaluateArguments) async -> AffinetesReply {
        do {
            let model = try makeModel(arguments.endpoint)
            return .success(try await evaluator.evaluate(arguments.request, chat: model).evaluation.document)
        } catch {
            return .refused(.internalServerError, "\(error)")
        }
    }

    private var methods: JSONValue {
        let signature = """
            (self, task_id: int, model: str, base_url: str, seed: int = None, api_key: str = None, \
            temperature: float = 0, timeout: float = 600, difficulty: int = \(difficulty))
            """
        return .object([
            "methods": .array([
                .object([
                    "name": .string("evaluate"), "signature": .string(signature), "source": .string("Actor"),
                    "endpoint": .string("POST /evaluate"),
                ])
            ]),
            "usage": .object([
                "sdk_style": .string("POST /call with {\"method\": \"evaluate\", \"args\": [], \"kwargs\": {...}}"),
                "restful_style": .string("POST /evaluate with the keyword arguments as a JSON object"),
            ]),
        ])
    }
}
