package import Containers
internal import Domain
package import Environments
package import HTTPClient
package import Inference

/// Runs tasks in environments, wherever those are, against models behind OpenAI-compatible endpoints.
package struct EnvironmentCaller: Sendable {
    private let builtin: BuiltinEnvironments
    private let remote: RemoteEnvironment
    private let contained: ContainedEnvironment
    private let apiKey: String?

    /// - Parameters:
    ///   - apiKey: Handed to environments' servers, which call the model themselves.
    ///   - containers: Runs environments of kind `container`, each call of which fails where there is none.
    package init(
        http: HTTPClient, apiKey: String?, sandbox: Sandbox = Sandbox(), containers: ContainerEnvironments? = nil
    ) {
        builtin = BuiltinEnvironments(sandbox: sandbox)
        remote = RemoteEnvironment(http: http, apiKey: apiKey)
        contained = ContainedEnvironment(containers: containers, remote: remote)
        self.apiKey = apiKey
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
            case .container(let container):
                await contained.evaluate(call, settings, in: container, model: name, baseURL: baseURL)
            }
        return checked(result, settings)
    }

    // Not part of a function of which thousands wait at once.
    @inline(never)
    private func checked(_ result: JobResult, _ settings: EnvironmentSettings) -> JobResult {
        result.checked(against: settings.bounds).hiding(secrets(of: settings))
    }

    /// What was handed to the environment and may come back in its answers.
    private func secrets(of settings: EnvironmentSettings) -> Secrets {
        guard case .container(let container) = settings.place else { return Secrets([apiKey]) }
        return Secrets([apiKey] + (contained.containers?.secrets(of: container) ?? []))
    }
}
