import Domain
import Environments
import Synchronization
import TestSupport

/// An OpenAI-compatible endpoint that lists these models and does with each completion what the test says.
func endpoint(
    models: [String] = [Board.repository],
    _ complete: @escaping @Sendable (LoopbackServer.Request) -> [LoopbackServer.Step]
) -> LoopbackServer {
    let list = #"{"object":"list","data":[\#(models.map { #"{"id":"\#($0)"}"# }.joined(separator: ","))]}"#
    return LoopbackServer { request in
        request.line.hasPrefix("GET /v1/models ") ? [.answer(body: list.utf8)] : complete(request)
    }
}

/// The completion that says this.
func completion(_ text: String) -> LoopbackServer.Step {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    return .answer(
        body: """
            {"choices":[{"message":{"role":"assistant","content":"\(escaped)"},"finish_reason":"stop"}],
             "usage":{"prompt_tokens":7,"completion_tokens":3}}
            """.utf8)
}

/// What task 1 of ABD wants to hear.
func rightAnswer() throws -> String {
    try AbductionEnvironment().task(TaskID(rawValue: 1), difficulty: 0).referenceAnswer
}

extension LoopbackServer {
    /// Completions that were asked for, not the looks at the list of models.
    var completions: Int { log.completions }
}

extension LoopbackServer.Log {
    var completions: Int { requests.count { $0.line.hasPrefix("POST ") } }
    var looks: Int { requests.count { $0.line.hasPrefix("GET ") } }
}

/// A value that a test changes while a server reads it.
final class Switch<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) { storage = Mutex(value) }

    var value: Value { storage.withLock { $0 } }

    func set(_ value: Value) { storage.withLock { $0 = value } }

    func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        storage.withLock { body(&$0) }
    }
}
