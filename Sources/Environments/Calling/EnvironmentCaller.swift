package import Environments
package import HTTPClient
package import Inference

/// Runs tasks in environments, wherever those are, against models behind OpenAI-compatible endpoints.
package struct EnvironmentCaller: Sendable {
    private let builtin: BuiltinEnvironments
    private let remote: RemoteEnvironment

    /// - Parameter apiKey: Handed to environments' servers, which call the model themselves.
    package init(http: HTTPClient, apiKey: String?, sandbox: Sandbox = Sandbox()) {
        builtin = BuiltinEnvironments(sandbox: sandbox)
        remote = RemoteEnvironment(http: http, apiKey: apiKey)
    }

    /// - Parameters:
    ///   - model: Asked by environments in this process.
    ///   - name: The id by which the endpoint knows the model.
    ///   - baseURL: Where environments' servers reach the model, with `/v1`.
    package func evaluate(
        _ call: TaskCall, _ settings: EnvironmentSettings, model: some ChatModel, name: String, baseURL: String
    ) async -> JobResult {
        let result =
            switch settings.place {
            case .builtin: await builtin.evaluate(call, settings, model: model)
            case .url(let url): await remote.evaluate(call, settings, at: url, model: name, baseURL: baseURL)
            }
        return result.checked(against: settings.bounds)
    }
}
