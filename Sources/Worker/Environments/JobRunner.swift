internal import Domain
internal import EnvironmentCalls
internal import Inference
internal import Postgres

/// Runs one job's environment against the model that its lease names.
struct JobRunner: Sendable {
    let lane: EndpointLane
    let orders: EnvironmentOrders
    let caller: EnvironmentCaller

    /// Nil when the deployment rests: the job was not begun.
    ///
    /// - Throws: `PostgresError` when the order can't be fetched.
    func run(_ job: Job) async throws -> JobResult? {
        let order: EnvironmentOrder
        do {
            order = try await orders.order(for: job.lease)
        } catch let error as PostgresError where error.code == .decoding {
            return .fault(.infraFault, "environment_unusable", error.message)
        }
        guard let (client, baseURL) = lane.client(for: job.lease.deployment) else { return nil }
        let result = await caller.evaluate(
            TaskCall(order.tasks[Int(job.position)], in: order.settings.name), order.settings,
            model: RestingModel(client, job.lease.deployment, lane), name: client.model, baseURL: baseURL)
        if result.outcome == .scored { lane.praise(job.lease.deployment) }
        return result
    }
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
