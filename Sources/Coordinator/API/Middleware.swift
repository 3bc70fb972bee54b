internal import Domain
internal import HTTPTypes
internal import Hummingbird

/// Errors in the shape that existing clients know.
struct JSONErrors<Context: RequestContext>: RouterMiddleware {
    @concurrent func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            let detail = JSONValue.object(["detail": .string(error.body ?? error.status.reasonPhrase)])
            var response = Response(
                status: error.status, headers: error.headers,
                body: .init(byteBuffer: .init(string: (try? detail.jsonText()) ?? "")))
            response.headers[.contentType] = "application/json"
            return response
        }
    }
}

/// What everybody may read from anywhere, and nobody change.
struct ReadsOnly<Context: RequestContext>: RouterMiddleware {
    @concurrent func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let anyOrigin: HTTPFields = [.accessControlAllowOrigin: "*"]
        do {
            guard request.method == .get || request.method == .head else {
                throw HTTPError(
                    .methodNotAllowed, headers: [.allow: "GET, HEAD"], message: "only reads are served here")
            }
            var response = try await next(request, context)
            response.headers[.accessControlAllowOrigin] = "*"
            return response
        } catch let error as HTTPError {
            throw HTTPError(error.status, headers: error.headers + anyOrigin, message: error.body)
        }
    }
}
