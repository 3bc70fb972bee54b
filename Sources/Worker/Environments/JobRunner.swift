internal import Domain
internal import EnvironmentCalls
internal import Inference

/// Runs one job's environment against the model that its lease names.
struct JobRunner: Sendable {
    let lane: EndpointLane
    let caller: EnvironmentCaller

    /// Nil when the deployment rests: the job was not begun.
    func run(_ job: Job, _ order: EnvironmentOrder) async -> EndedJob? {
        guard let (client, baseURL) = lane.client(for: job.lease.deployment) else { return nil }
        let result = await caller.evaluate(
            TaskCall(order.tasks[Int(job.position)], in: order.settings.name), order.settings,
            model: RestingModel(client, job.lease.deployment, lane), name: client.model, baseURL: baseURL)
        if result.outcome == .scored { lane.praise(job.lease.deployment) }
        return EndedJob(result)
    }
}

/// How a job ended, behind a reference: thousands of functions that wait for it hold room for it, several times over.
final class EndedJob: Sendable {
    let result: JobResult
    init(_ result: JobResult) { self.result = result }
}

/// A model whose deployment rests as soon as its endpoint fails.
private struct RestingModel: ChatModel {
    private let client: OpenAIClient
    private let deployment: DeploymentID
    private let lane: EndpointLane

    init(_ client: OpenAIClient, _ deployment: DeploymentID, _ lane: EndpointLane) {
        self.client = client
        self.deployment = deployment
        self.lane = lane
    }

    func complete(_ request: ChatRequest) async throws(ChatFailure) -> ChatReply {
        do {
            return try await client.complete(request)
        } catch {
            if error.callsForRest { lane.rest(deployment) }
            throw error
        }
    }
}
