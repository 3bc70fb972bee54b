package import Coordinator
internal import HTTPTypes
package import Hummingbird
internal import ServiceLifecycle

extension EventFeed {
    /// Server-Sent Events from now on, or from after the one that `Last-Event-ID` names, until the client or the server goes.
    ///
    /// - Throws: `HTTPError` 422 for a `Last-Event-ID` that is none; `PostgresError`.
    package func response(to request: Request) async throws -> Response {
        let start: Int64
        if let last = request.headers[.lastEventID] {
            guard let id = Int64(last), id >= 0 else {
                throw HTTPError(
                    .unprocessableContent, message: "Last-Event-ID '\(last.prefix(40))' is not valid: expected a number"
                )
            }
            start = id
        } else {
            start = try await newest()
        }
        let listening = listen(after: start)
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"],
            body: .init { writer in
                for try await text in listening.cancelOnGracefulShutdown() {
                    try await writer.write(ByteBuffer(string: text))
                }
                try await writer.finish(nil)
            })
    }
}

extension HTTPField.Name {
    /// https://html.spec.whatwg.org/multipage/server-sent-events.html
    fileprivate static var lastEventID: Self {
        guard let name = Self("Last-Event-ID") else {
            preconditionFailure("a field's name with a letter that none has")
        }
        return name
    }
}
