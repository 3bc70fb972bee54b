internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// An answer of the affinetes protocol: a status with its JSON document.
struct AffinetesReply: Error {
    let status: HTTPResponse.Status
    let body: JSONValue

    static func success(_ result: JSONValue) -> AffinetesReply {
        AffinetesReply(
            status: .ok, body: .object(["status": .string("success"), "result": result, "error": .null]))
    }

    /// The protocol reports what took too long with status 200.
    static func failed(_ text: String) -> AffinetesReply {
        AffinetesReply(
            status: .ok,
            body: .object([
                "status": .string("failed"), "result": .object(["error": .string(text)]), "error": .null,
            ]))
    }

    static func refused(_ status: HTTPResponse.Status, _ detail: String) -> AffinetesReply {
        AffinetesReply(status: status, body: .object(["detail": .string(detail)]))
    }

    /// 422: the body as a whole, or the named member of it, is not of the right form.
    static func malformed(_ type: String, at member: String?, _ message: String) -> AffinetesReply {
        let location = ["body", member].compactMap { $0 }.map(JSONValue.string)
        return AffinetesReply(
            status: .unprocessableContent,
            body: .object([
                "detail": .array([
                    .object(["type": .string(type), "loc": .array(location), "msg": .string(message)])
                ])
            ]))
    }

    var response: Response {
        do {
            return Response(
                status: status, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: try body.jsonText())))
        } catch {
            return Response(
                status: .internalServerError, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "Internal Server Error")))
        }
    }
}
