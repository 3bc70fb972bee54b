import Domain
import EnvironmentServer
import Environments
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Inference
import Logging
import NIOCore
import NIOEmbedded
import Testing

@Suite struct ServerTests {
    private struct Model: ChatModel {
        let endpoint: ChatEndpoint
        func complete(_ request: ChatRequest) async throws(ChatFailure) -> ChatReply {
            switch endpoint.model {
            case "right": return ChatReply(content: endpoint.apiKey ?? "", usage: nil)
            case "slow":
                try? await Task.sleep(for: .seconds(600))
                throw ChatFailure(.timedOut, "slow")
            default: return ChatReply(content: "no idea")
            }
        }
    }
    private struct Refusal: Error {}
    private struct Source: RequestContextSource {
        let channel: any Channel = EmbeddedChannel()
        let logger = Logger(label: "test")
    }

    private func responder(bodyLimit: Int = 1 << 20) throws -> EnvironmentResponder<ServerContext> {
        let environment = try #require(ReferenceEnvironments.named(EnvironmentName("abd")))
        return EnvironmentResponder(
            evaluator: ReferenceEvaluator(environment: environment, sandbox: Sandbox()), difficulty: 1,
            bodyLimit: bodyLimit, grace: .milliseconds(50), context: ServerContext.self
        ) { endpoint in
            if endpoint.model == "refused" { throw Refusal() }
            return Model(endpoint: endpoint)
        }
    }

    private func ask(
        _ method: HTTPRequest.Method, _ path: String, _ body: String = "", type: String? = "application/json",
        of responder: EnvironmentResponder<ServerContext>? = nil
    ) async throws -> (status: Int, body: JSONValue) {
        var head = HTTPRequest(method: method, scheme: "http", authority: "test", path: path)
        if let type { head.headerFields[.contentType] = type }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
        let response = try await (responder ?? self.responder()).respond(
            to: request, context: ServerContext(source: Source()))
        let collector = BodyCollector()
        try await response.body.write(collector)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(collector.bytes))
        return (Int(response.status.code), value)
    }

    private func call(_ kwargs: String) async throws -> (status: Int, body: JSONValue) {
        try await ask(.post, "/call", #"{"method":"evaluate","args":[],"kwargs":\#(kwargs),"extra":1}"#)
    }

    @Test func healthAndMethodsAreTheProtocols() async throws {
        let health = try await ask(.get, "/health")
        #expect(health.status == 200 && health.body == .object(["status": .string("ok")]))
        let methods = try await ask(.get, "/methods")
        guard case .array(let list)? = methods.body["methods"] else { Issue.record("\(methods)"); return }
        #expect(list.map { $0["name"] } == [.string("evaluate")])
        #expect(list.first?["endpoint"] == .string("POST /evaluate") && list.first?["source"] == .string("Actor"))
        #expect(methods.body["usage"] != nil)
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/call", 405, "Method Not Allowed"), (.get, "/evaluate", 405, "Method Not Allowed"),
        (.post, "/health", 405, "Method Not Allowed"), (.get, "/a/b", 404, "Not Found"), (.get, "/", 404, "Not Found"),
        (.get, "/openapi.json", 404, "Not Found"), (.post, "/nope", 404, "Method not found: nope"),
    ]) func wrongPathsAndVerbsAreRefused(
        method: HTTPRequest.Method, path: String, status: Int, detail: String
    ) async throws {
        let answer = try await ask(method, path)
        #expect(answer.status == status && answer.body == .object(["detail": .string(detail)]))
    }

    @Test func anUnknownMethodIsNamed() async throws {
        let answer = try await ask(.post, "/call", #"{"method":"_init","kwargs":{}}"#)
        #expect(answer.status == 404 && answer.body["detail"] == .string("Method not found: _init"))
    }

    @Test(arguments: [
        "", "[]", "{", #"{"args":[]}"#, #"{"method":1}"#, #"{"method":"evaluate","args":null}"#,
        #"{"method":"evaluate","kwargs":[]}"#,
    ]) func aMalformedCallIs422(body: String) async throws {
        let answer = try await ask(.post, "/call", body)
        guard case .array(let details)? = answer.body["detail"] else { Issue.record("\(answer)"); return }
        #expect(answer.status == 422 && details.count == 1 && details[0]["loc"] != nil)
    }

    @Test func aCallWithoutItsContentTypeIs422() async throws {
        #expect(try await ask(.post, "/call", #"{"method":"evaluate"}"#, type: nil).status == 422)
        #expect(try await ask(.post, "/call", #"{"method":"evaluate"}"#, type: "text/plain").status == 422)
    }

    @Test(arguments: [
        "{}", #"{"task_id":"1","model":"m","base_url":"u"}"#, #"{"task_id":1,"model":"m"}"#,
        #"{"task_id":-1,"model":"m","base_url":"u"}"#, #"{"task_id":1,"model":"m","base_url":"u","difficulty":11}"#,
        #"{"task_id":1,"model":"refused","base_url":"u"}"#,
    ]) func wrongArgumentsAre500WithTheirReason(kwargs: String) async throws {
        let answer = try await call(kwargs)
        #expect(answer.status == 500 && answer.body["detail"]?.stringValue?.isEmpty == false)
    }

    @Test func bothFormsOfACallGiveTheSameAnswer() async throws {
        let task = try #require(ReferenceEnvironments.named(EnvironmentName("abd")))
            .task(TaskID(rawValue: 4), difficulty: 1)
        // The stand-in says its key, so that the right answer can be handed to it.
        let answer = task.referenceAnswer.replacing("\n", with: "\\n")
        let kwargs = #"{"task_id":4,"model":"right","base_url":"http://u/v1","api_key":"\#(answer)","timeout":60}"#
        for reply in [
            try await call(kwargs), try await ask(.post, "/evaluate", kwargs, type: nil),
            try await ask(.post, "/evaluate", #"{"kwargs":\#(kwargs)}"#),
        ] {
            #expect(reply.status == 200 && reply.body["status"] == .string("success") && reply.body["error"] == .null)
            #expect(reply.body["result"]?["score"] == .integer(1))
            let seed = EvaluateRequest.seed(environment: task.environment, taskID: task.id)
            #expect(reply.body["result"]?["extra"]?["seed"] == .integer(Int64(seed)))
        }
    }

    @Test func aCallPastItsTimeoutFailsWith200() async throws {
        let reply = try await call(#"{"task_id":4,"model":"slow","base_url":"u","timeout":0.1}"#)
        #expect(reply.status == 200 && reply.body["status"] == .string("failed"))
        #expect(reply.body["result"]?["error"]?.stringValue?.contains("exceeded timeout of 0.1s") == true)
    }

    @Test(arguments: [#""soon""#, "-1", "1e300", "true"]) func aTimeoutThatIsNoneFailsWith200(timeout: String)
        async throws
    {
        let reply = try await call(#"{"task_id":4,"model":"m","base_url":"u","timeout":\#(timeout)}"#)
        #expect(reply.status == 200 && reply.body["status"] == .string("failed"))
    }

    @Test func aBodyOverTheLimitIs413() async throws {
        let body = #"{"method":"evaluate","kwargs":{"x":"\#(String(repeating: "x", count: 2_000))"}}"#
        #expect(try await ask(.post, "/call", body, of: responder(bodyLimit: 1_000)).status == 413)
    }
}

private struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    init(source: some RequestContextSource) { coreContext = .init(source: source) }
}

/// Gathers what a response writes.
private final class BodyCollector: ResponseBodyWriter {
    private(set) var bytes: [UInt8] = []
    func write(_ buffer: ByteBuffer) async throws { bytes += Array(buffer.readableBytesView) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
