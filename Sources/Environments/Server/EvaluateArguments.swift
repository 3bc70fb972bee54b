internal import Domain
internal import Environments
internal import HTTPTypes

/// The keyword arguments of `evaluate`, checked.
struct EvaluateArguments {
    let request: EvaluateRequest
    let endpoint: ChatEndpoint

    /// Arguments of other environments are ignored, so that one caller serves all.
    init(_ call: AffinetesCall, environment: EnvironmentName, difficulty: Int, timeout: Duration?)
        throws(AffinetesReply)
    {
        guard call.args.isEmpty else { throw Self.refused("takes keyword arguments only") }
        guard let task = call.kwargs["task_id"]?.integerValue else {
            throw Self.refused("needs the integer argument 'task_id'")
        }
        guard let model = call.kwargs["model"]?.stringValue, let base = call.kwargs["base_url"]?.stringValue else {
            throw Self.refused("needs the string arguments 'model' and 'base_url'")
        }
        let seed = try Self.optional(call, "seed", "an integer from 0 to 4294967295") { value in
            value.integerValue.flatMap(UInt32.init(exactly:))
        }
        let temperature = try Self.optional(call, "temperature", "a number from 0 to 2") { value in
            value.doubleValue.flatMap { (0...2).contains($0) ? $0 : nil }
        }
        let level = try Self.optional(call, "difficulty", "an integer from 0 to 9") { value in
            value.integerValue.flatMap { (0...9).contains($0) ? Int($0) : nil }
        }
        let key = try Self.optional(call, "api_key", "a string") { $0.stringValue }
        endpoint = ChatEndpoint(model: model, baseURL: base, apiKey: key)
        request = EvaluateRequest(
            taskID: TaskID(rawValue: task),
            seed: seed ?? EvaluateRequest.seed(environment: environment, taskID: TaskID(rawValue: task)), model: model,
            temperature: temperature ?? 0, timeout: timeout ?? .seconds(600), difficulty: level ?? difficulty)
    }

    /// The time limit among the keyword arguments, nil when there is none.
    static func timeout(_ call: AffinetesCall) throws(AffinetesReply) -> Double? {
        switch call.kwargs["timeout"] {
        case nil, .null?: return nil
        case let value?:
            guard let seconds = value.doubleValue, (0...1e9).contains(seconds) else {
                throw .failed("Invalid timeout; expected a number of seconds.")
            }
            return seconds
        }
    }

    private static func optional<T>(
        _ call: AffinetesCall, _ name: String, _ expected: String, _ read: (JSONValue) -> T?
    ) throws(AffinetesReply) -> T? {
        guard let value = call.kwargs[name], value != .null else { return nil }
        guard let result = read(value) else { throw refused("argument '\(name)' must be \(expected)") }
        return result
    }

    private static func refused(_ detail: String) -> AffinetesReply {
        .refused(.internalServerError, "evaluate() \(detail)")
    }
}
