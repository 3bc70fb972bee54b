public import ArenaAPI
internal import Domain
internal import EnvironmentCalls
internal import Environments
internal import HTTPClient
internal import Inference

/// Evaluates models in environments, many tasks at once.
///
///     let evaluator = Evaluator()
///     let model = ServedModel("owner/name", baseURL: "http://127.0.0.1:8000/v1")
///     let summary = try await evaluator.evaluate(model, in: TaskEnvironment("ded"), tasks: 0..<20) { results in
///         var summary = EvaluationSummary()
///         for await result in results { summary.add(result) }
///         return summary
///     }
///
/// Tasks run as an arena's workers run them, and end the same way. Each evaluator has connections and a sandbox of its
/// own: make one and share it.
public struct Evaluator: Sendable {
    /// The arena of the network.
    public static let networkArena = ArenaClient.networkURL

    private let concurrency: Int
    private let retry: RetryPolicy
    private let clock: any Clock<Duration>
    private let http: HTTPClient
    private let sandbox = Sandbox()

    /// - Parameter concurrency: Tasks under way at once in each evaluation: 1 or more.
    public init(concurrency: Int = 8, retry: RetryPolicy = RetryPolicy()) {
        self.init(concurrency: concurrency, retry: retry, clock: ContinuousClock())
    }

    package init(concurrency: Int, retry: RetryPolicy, clock: any Clock<Duration>) {
        precondition(concurrency >= 1, "at least one task is under way at once, not \(concurrency)")
        self.concurrency = concurrency
        self.retry = retry
        self.clock = clock
        let usual = HTTPClientSettings()
        http = HTTPClient(
            settings: HTTPClientSettings(
                maximumConnectionsPerHost: max(concurrency, usual.maximumConnectionsPerHost),
                maximumConnections: max(concurrency, usual.maximumConnections)))
    }

    /// Runs tasks and hands their results to `body` as they end. What is still under way when `body` returns or throws,
    /// or when the calling task is cancelled, is stopped.
    ///
    /// - Parameter tasks: Their numbers in the environment's data set; they begin in this order.
    /// - Throws: `InvalidValue` naming `model`, `base URL`, `API key` or `temperature`, before anything is called;
    ///   `CancellationError` when the calling task was cancelled; what `body` throws. A task that could not be evaluated
    ///   is a result, not an error.
    public func evaluate<Value>(
        _ model: ServedModel, in environment: TaskEnvironment, tasks: some Sequence<Int64>,
        _ body: (TaskResults) async throws -> Value
    ) async throws -> Value {
        let runner = try runner(for: model, in: environment)
        let tasks = Array(tasks)
        let result: Result<Value, any Error> = await withTaskGroup(of: TaskResult.self) { group in
            let feed = TaskFeed(group, tasks: tasks, concurrency: concurrency) { await runner.run($0) }
            defer { group.cancelAll() }
            do { return .success(try await body(TaskResults(feed: feed))) } catch { return .failure(error) }
        }
        try Task.checkCancellation()
        return try result.get()
    }

    /// Runs tasks and returns their results, in the order in which the tasks were given.
    ///
    /// - Throws: As the form with a closure does.
    public func results(
        of model: ServedModel, in environment: TaskEnvironment, tasks: some Sequence<Int64>
    ) async throws -> [TaskResult] {
        let tasks = Array(tasks)
        let places = Dictionary(zip(tasks, tasks.indices)) { first, _ in first }
        return try await evaluate(model, in: environment, tasks: tasks) { results in
            var ended: [TaskResult] = []
            for await result in results { ended.append(result) }
            return ended
        }.sorted { (places[$0.task.rawValue] ?? 0) < (places[$1.task.rawValue] ?? 0) }
    }

    /// A registered miner, as an arena's public API tells it.
    ///
    /// - Parameter arena: The API's address, with `/api/v1`.
    /// - Throws: `ArenaError`, with `.refused(status: 404)` when nobody has the uid; `InvalidValue` naming `arena's API`.
    public func miner(uid: Int32, arena: String = networkArena) async throws -> ArenaMiner {
        try await ArenaClient(url: arena, http: http).miner(uid: uid)
    }

    /// Proves that the sandbox works, which environments that are built in need: where it does not, each of their tasks
    /// ends in an `infra_fault`.
    public func checkSandbox() async throws {
        try await sandbox.check()
    }

    private func runner(for model: ServedModel, in environment: TaskEnvironment) throws(InvalidValue) -> TaskRunner {
        guard (0...2).contains(model.temperature) else {
            throw InvalidValue(field: "temperature", value: "\(model.temperature)", expected: "0 to 2")
        }
        let client = try OpenAIClient(baseURL: model.baseURL, model: model.name, apiKey: model.apiKey, http: http)
        return TaskRunner(
            caller: EnvironmentCaller(http: http, apiKey: model.apiKey, sandbox: sandbox), client: client,
            baseURL: model.baseURL, seed: model.seed, settings: environment.settings(temperature: model.temperature),
            retry: retry, clock: clock)
    }
}
