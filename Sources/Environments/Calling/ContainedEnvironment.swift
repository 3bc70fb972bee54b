internal import Containers
internal import Domain

/// Calls `evaluate` of an environment server in a container of this process.
struct ContainedEnvironment: Sendable {
    let containers: ContainerEnvironments?
    let remote: RemoteEnvironment

    /// Until the server could be called nothing is the environment's fault; a container that ends during the call is.
    func evaluate(
        _ task: TaskCall, _ settings: EnvironmentSettings, in container: ContainerSettings, model: String,
        baseURL: String
    ) async -> JobResult {
        guard let containers else {
            return .fault(
                .infraFault, "container_engine_missing",
                "environment \(settings.name) needs a container, and no engine is named here: --containers does")
        }
        let replica: Replica
        do { replica = try await containers.take(settings.name, container) } catch {
            return error.code == .cancelled
                ? .fault(.cancelled, "cancelled", error.detail)
                : .fault(.infraFault, "container_\(error.code.rawValue)", error.detail)
        }
        let result = await remote.evaluate(task, settings, at: replica.url, model: model, baseURL: baseURL)
        if result.outcome == .environmentFault, let end = await containers.examine(replica) {
            return .fault(.environmentFault, "container_exited", end)
        }
        containers.giveBack(replica)
        return result
    }
}
