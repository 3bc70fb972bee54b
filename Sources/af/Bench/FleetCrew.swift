import Domain
import FoundationEssentials
import Logging
import Postgres
import Synchronization
import Worker

/// Many workers in one process, over a few connections that they share.
struct FleetCrew: Sendable {
    let settings: DatabaseSettings
    let workers: Range<Int>
    let behaviour: FleetOptions
    let logger: Logger

    func run() async throws -> CrewReport {
        let database = Database(settings, logger: logger)
        let signals = FleetSignals(database: database)
        let tally = CrewTally()
        let ids = try await register(database)
        let deployments = try await deploy(database, as: ids[0])
        try await signals.untilStarted()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await signals.watchForEnd() }
            for (number, id) in zip(workers, ids) {
                group.addTask {
                    var worker = SimulatedWorker(
                        id: id, number: number, behaviour: behaviour, database: database, deployments: deployments,
                        signals: signals, tally: tally)
                    try await worker.run()
                }
            }
            try await group.waitForAll()
        }
        await database.close()
        return tally.result
    }

    /// All of them, a few at once.
    private func register(_ database: Database) async throws -> [UUID] {
        let ids = workers.map { _ in UUID() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<behaviour.connections {
                group.addTask {
                    for index in stride(from: lane, to: ids.count, by: behaviour.connections) {
                        try await database.run(SimulatedWorker.registration(ids[index], behaviour))
                    }
                }
            }
            try await group.waitForAll()
        }
        return ids
    }

    private func deploy(_ database: Database, as worker: UUID) async throws -> [DeploymentID] {
        let model = try ModelReference(repository: QueueLoad.model, revision: QueueLoad.revision)
        return try await database.run(
            RegisterDeployment(worker: worker, baseURL: "http://127.0.0.1:9/v1", model: model))
    }
}

/// How the benchmark tells its processes to begin and to end: through the database, since a pooler keeps no locks for them.
final class FleetSignals: Sendable {
    static let start = "public.fleet_start"
    static let end = "public.fleet_end"

    private let database: Database
    private let isOver = Atomic(false)

    init(database: Database) {
        self.database = database
    }

    /// Whether nothing is left to do: whoever has no run goes home.
    var hasEnded: Bool { isOver.load(ordering: .relaxed) }

    func untilStarted() async throws {
        while try await !isGiven(Self.start) { try await Task.sleep(for: .milliseconds(50)) }
    }

    func watchForEnd() async throws {
        while try await !isGiven(Self.end) { try await Task.sleep(for: .milliseconds(200)) }
        isOver.store(true, ordering: .relaxed)
    }

    private func isGiven(_ signal: String) async throws -> Bool {
        try await database.run(SignalGiven(signal: signal)).first ?? false
    }
}

private struct SignalGiven: Statement {
    static let sql = "SELECT to_regclass($1) IS NOT NULL"
    var signal: String
    func bind(_ bindings: inout Bindings) { bindings.append(signal) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}
