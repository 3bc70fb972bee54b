package import Domain
package import EnvironmentCalls
internal import FoundationEssentials
package import Postgres
internal import Synchronization

/// How to run one environment of an evaluation, as its window froze it, and on which tasks.
package struct EnvironmentOrder: Sendable {
    /// The environment's row number.
    var environment: Int16
    package var settings: EnvironmentSettings
    /// The task of each position.
    var tasks: [TaskID]

    package init(
        environment: Int16, name: EnvironmentName, kind: String, baseURL: String?, container: String? = nil,
        lo: Score, hi: Score, timeout: Duration, temperature: Double, parameters: String, tasks: [TaskID]
    ) throws(PostgresError) {
        guard let bounds = ScoreBounds(lo: lo, hi: hi),
            let parameters = try? JSONDecoder().decode([String: JSONValue].self, from: Data(parameters.utf8))
        else { throw PostgresError(.decoding, "environment \(name) has bounds or parameters that are not valid") }
        let place: EnvironmentSettings.Place
        switch (kind, baseURL, container) {
        case ("builtin", nil, nil): place = .builtin
        case ("url", let baseURL?, nil): place = .url(baseURL)
        case ("container", nil, let container?):
            do {
                let settings = try JSONDecoder().decode(ContainerSettings.self, from: Data(container.utf8))
                try settings.check()
                place = .container(settings)
            } catch {
                throw PostgresError(
                    .decoding, "environment \(name) has a container that this worker can't read: \(error)")
            }
        default:
            throw PostgresError(.decoding, "environment \(name) is of kind '\(kind)', which this worker does not know")
        }
        self.environment = environment
        settings = EnvironmentSettings(
            name: name, place: place, bounds: bounds, timeout: timeout, temperature: temperature,
            parameters: parameters)
        self.tasks = tasks
    }
}

/// The orders of the evaluations at hand, each fetched once: a window never changes them.
final class EnvironmentOrders: Sendable {
    private let database: Database
    private let orders = Mutex<[EvaluationID: [Int16: EnvironmentOrder]]>([:])

    init(database: Database) {
        self.database = database
    }

    /// Nil before it was fetched.
    func known(_ lease: Lease) -> EnvironmentOrder? {
        orders.withLock { $0[lease.evaluation]?[lease.environment] }
    }

    /// Of all environments whose orders were fetched.
    var names: Set<EnvironmentName> {
        orders.withLock { Set($0.values.flatMap { $0.values.map(\.settings.name) }) }
    }

    /// Makes it known before the first job needs it; what goes wrong, the job will tell.
    func prefetch(_ lease: Lease) async {
        _ = try? await order(for: lease)
    }

    func order(for lease: Lease) async throws -> EnvironmentOrder {
        if let order = known(lease) { return order }
        let fetched = try await database.run(DescribeEvaluation(evaluation: lease.evaluation))
        let byNumber = Dictionary(uniqueKeysWithValues: fetched.map { ($0.environment, $0) })
        orders.withLock { $0[lease.evaluation] = byNumber }
        guard let order = byNumber[lease.environment] else {
            throw PostgresError(.decoding, "evaluation \(lease.evaluation) has no environment \(lease.environment)")
        }
        return order
    }
}
