package import Domain
package import EnvironmentCalls
internal import FoundationEssentials
package import Postgres
internal import Synchronization

/// How to run one environment of an evaluation, as its window froze it, and on which tasks. Shared by all calls of it: thousands
/// at once would each hold several copies.
package final class EnvironmentOrder: Sendable {
    /// The environment's row number.
    let environment: Int16
    package let settings: EnvironmentSettings
    /// The task of each position.
    let tasks: [TaskID]

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

/// The orders of the evaluations that were begun last, by environment; a worker meets more and more of them while it lives.
package struct RecentOrders: Sendable {
    package static let maximumEvaluations = 64
    private var orders: [EvaluationID: [Int16: EnvironmentOrder]] = [:]
    /// In the order in which they came.
    private var evaluations: [EvaluationID] = []

    package init() {}

    package subscript(evaluation: EvaluationID, environment: Int16) -> EnvironmentOrder? {
        orders[evaluation]?[environment]
    }

    /// Of all environments that any of them has.
    var names: Set<EnvironmentName> { Set(orders.values.flatMap { $0.values.map(\.settings.name) }) }

    package mutating func add(_ fetched: [EnvironmentOrder], of evaluation: EvaluationID) {
        let byNumber = Dictionary(uniqueKeysWithValues: fetched.map { ($0.environment, $0) })
        guard orders.updateValue(byNumber, forKey: evaluation) == nil else { return }
        evaluations.append(evaluation)
        if evaluations.count > Self.maximumEvaluations { orders[evaluations.removeFirst()] = nil }
    }
}

/// The orders of the evaluations at hand, each fetched once: a window never changes them.
final class EnvironmentOrders: Sendable {
    private let database: Database
    private let recent = Mutex(RecentOrders())

    init(database: Database) {
        self.database = database
    }

    /// Nil before it was fetched.
    func known(_ lease: Lease) -> EnvironmentOrder? {
        recent.withLock { $0[lease.evaluation, lease.environment] }
    }

    var names: Set<EnvironmentName> { recent.withLock { $0.names } }

    /// Makes it known before the first job needs it; what goes wrong, the job will tell.
    func prefetch(_ lease: Lease) async {
        _ = try? await order(for: lease)
    }

    func order(for lease: Lease) async throws -> EnvironmentOrder {
        if let order = known(lease) { return order }
        let fetched = try await database.run(DescribeEvaluation(evaluation: lease.evaluation))
        recent.withLock { $0.add(fetched, of: lease.evaluation) }
        guard let order = fetched.first(where: { $0.environment == lease.environment }) else {
            throw PostgresError(.decoding, "evaluation \(lease.evaluation) has no environment \(lease.environment)")
        }
        return order
    }
}
