import Containers
import Domain
import HTTPClient
import Logging
import Postgres
import ServiceLifecycle
import TestSupport
import Worker

/// What a worker is run with. Keeps the endpoints alive.
struct Setup: Sendable {
    var settings: WorkerSettings
    let servers: [LoopbackServer]
}

/// Quick in everything, so that a test does not wait.
func settings(
    _ servers: LoopbackServer..., concurrency: Int = 1, timeToLive: Duration = .seconds(10),
    grace: Duration = .seconds(20), containers: ContainerHost? = nil
) throws -> Setup {
    let model = try ModelReference(repository: Board.repository, revision: Board.revision)
    let settings = WorkerSettings(
        name: "tested", endpoints: servers.map { Endpoint(model: model, baseURL: $0.url + "/v1") }, apiKey: "key-1",
        concurrency: concurrency, patience: .zero, timeToLive: timeToLive, grace: grace, containers: containers)
    return Setup(settings: settings, servers: servers)
}

/// A worker that runs, with a worker's rights and no others.
struct RunningWorker: Sendable {
    fileprivate let group: ServiceGroup

    /// As SIGTERM would.
    func drain() async { await group.triggerGracefulShutdown() }
}

/// Runs a worker while `body` runs, then drains it and returns once it has ended.
///
/// - Parameter databaseSettings: How it reaches the database; directly, with a worker's rights, unless given.
func withWorker<Value: Sendable>(
    _ setup: Setup, _ databaseSettings: DatabaseSettings? = nil, logger: Logger = FreshDatabase.logger,
    _ body: (RunningWorker) async throws -> Value
) async throws -> Value {
    let database = Database(
        databaseSettings ?? FreshDatabase.current.settings(user: "affine_worker"), logger: logger)
    let http = HTTPClient()
    let service = WorkerService(settings: setup.settings, database: database, http: http, logger: logger)
    let group = ServiceGroup(
        configuration: .init(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            logger: FreshDatabase.logger))
    let result: Result<Value, any Error>
    do {
        result = .success(
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                let value = try await body(RunningWorker(group: group))
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                return value
            })
    } catch {
        result = .failure(error)
    }
    await http.close()
    await database.close()
    withExtendedLifetime(setup.servers) {}
    return try result.get()
}
