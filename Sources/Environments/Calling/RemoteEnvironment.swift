internal import Domain
internal import Environments
internal import FoundationEssentials
internal import HTTPClient
internal import Inference

/// Calls `evaluate` of an environment server that speaks the affinetes protocol.
struct RemoteEnvironment: Sendable {
    let http: HTTPClient
    let apiKey: String?

    func evaluate(
        _ task: TaskCall, _ settings: EnvironmentSettings, at url: String, model: String, baseURL: String
    ) async -> JobResult {
        let seconds = Int64(settings.timeout / .seconds(1))
        var arguments = settings.parameters
        arguments["task_id"] = .integer(task.task.rawValue)
        arguments["seed"] = .integer(Int64(task.seed))
        arguments["model"] = .string(model)
        arguments["base_url"] = .string(baseURL)
        arguments["temperature"] = .number(settings.temperature)
        arguments["timeout"] = .integer(max(1, seconds))
        if let apiKey { arguments["api_key"] = .string(apiKey) }
        do {
            let call = EnvironmentCall(method: "evaluate", kwargs: arguments)
            // The server enforces the timeout itself at +10 s; past that it is the server that hangs.
            let response = try await http.send(
                HTTPRequest(
                    method: "POST", url: url.hasSuffix("/") ? url + "call" : url + "/call",
                    headers: [("content-type", "application/json")], body: Array(JSONEncoder().encode(call)),
                    timeout: settings.timeout + .seconds(30)))
            return JobResult(answer: response)
        } catch let error as HTTPError {
            return .fault(.environmentFault, "environment_\(error.code.rawValue)", error.detail)
        } catch {
            return .fault(.environmentFault, "environment_call", "the call could not be written as JSON")
        }
    }
}

private struct EnvironmentCall: Encodable {
    var method: String
    var args: [JSONValue] = []
    var kwargs: [String: JSONValue]
}

extension JobResult {
    /// Reads what an environment server answered to `evaluate`.
    init(answer: HTTPResponse) {
        guard answer.status == 200 else {
            let text = String(decoding: answer.body.prefix(500), as: UTF8.self)
            self = .fault(.environmentFault, "environment_status_\(answer.status)", text)
            retryAfter = answer.retryAfter
            return
        }
        guard let body = JSONValue(json: answer.body), case .object = body else {
            self = .fault(.environmentFault, "environment_malformed", "the answer is not a JSON object")
            return
        }
        if let status = body["status"]?.stringValue, status != "success" {
            let text = body["result"]?["error"]?.stringValue ?? body["error"]?.stringValue ?? status
            self =
                text.contains("exceeded timeout")
                ? .fault(.modelFault, "generation_timeout", text)
                : .fault(.environmentFault, "environment_failed", text)
            return
        }
        let evaluation = body["status"] == nil ? body : body["result"] ?? .null
        self.init(evaluation: evaluation)
        conversation = evaluation["extra"]?["conversation"]
    }

    /// Reads the result of `evaluate`: whether an error is the model's is for `extra.valid_for_scoring` to say.
    private init(evaluation: JSONValue) {
        let isValid = evaluation["extra"]?["valid_for_scoring"]?.boolValue
        if let error = evaluation["error"]?.stringValue, !error.isEmpty, isValid != true {
            self = .fault(.environmentFault, "evaluation_error", error)
            return
        }
        guard isValid != false else {
            self = .fault(.environmentFault, "not_valid_for_scoring", "the environment withdrew its score")
            return
        }
        guard let number = evaluation["score"]?.doubleValue, let score = Score(rounding: number) else {
            self = .fault(.environmentFault, "score_missing", "the answer has no finite score")
            return
        }
        self = .scored(score, usage: evaluation["extra"]?["usage"].flatMap(TokenUsage.init(counted:)))
    }
}

extension TokenUsage {
    /// Nil unless both are counted: what is left out was not zero.
    fileprivate init?(counted json: JSONValue) {
        guard let prompt = json["prompt_tokens"]?.integerValue, let completion = json["completion_tokens"]?.integerValue
        else { return nil }
        self.init(promptTokens: Int(prompt), completionTokens: Int(completion))
    }
}
