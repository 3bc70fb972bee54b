internal import Domain
public import HTTPClient
public import Postgres

/// The workloads of one arena, and who uses them.
public struct TargonFleet: Sendable {
    /// A workload for people.
    public struct Entry: Encodable, Sendable {
        public let id: String
        public let name: String
        public let status: String
        public let message: String
        public let resource: String?
        public let created: String
        /// In dollars.
        public let costPerHour: Double?
        /// Nil while no worker is placed on it.
        public let model: String?
        /// Live workers that are placed on it.
        public let workers: Int64

        private enum CodingKeys: String, CodingKey {
            case id, name, status, message, resource, created, model, workers
            case costPerHour = "cost_per_hour"
        }
    }

    private let account: TargonAccount
    private let client: TargonClient
    private let database: Database

    public init(account: TargonAccount, http: HTTPClient, database: Database) {
        self.account = account
        client = TargonClient(account: account, http: http)
        self.database = database
    }

    /// - Throws: An error that says what Targon or the database answered.
    public func entries() async throws -> [Entry] {
        let workloads = try await workloads()
        let users = try await users(silence: .zero)
        return workloads.map { workload in
            let user = users[workload.name]
            return Entry(
                id: workload.id, name: workload.name, status: workload.status, message: workload.message,
                resource: workload.resource, created: workload.createdAt, costPerHour: workload.costPerHour,
                model: user.map { "\($0.model)" }, workers: user?.workers ?? 0)
        }
    }

    /// Deletes what no worker has been placed on, neither now nor after the grace.
    ///
    /// - Returns: What was deleted.
    public func sweep(grace: Duration) async throws -> [Entry] {
        let before = Set(try await entries().filter { $0.workers == 0 }.map(\.id))
        guard !before.isEmpty else { return [] }
        try await Task.sleep(for: grace)
        let left = Dictionary(uniqueKeysWithValues: try await unused().map { ($0.id, $0) })
        var deleted: [Entry] = []
        for entry in try await entries() where before.contains(entry.id) {
            if let workload = left[entry.id], try await remove(workload, silence: .zero) { deleted.append(entry) }
        }
        return deleted
    }

    /// What no live worker is placed on. The list is made before the placements are read: a worker is placed before it
    /// creates or adopts a workload, so that none is taken for unused because it is new.
    func unused() async throws -> [Workload] {
        let workloads = try await workloads()
        let users = try await users(silence: .zero)
        return workloads.filter { users[$0.name] == nil }
    }

    /// Deletes a model's workloads unless a worker is placed on it, or was and is silent only for a moment.
    func release(_ model: ModelReference, on resource: String, silence: Duration) async throws {
        let name = account.workloadName(for: model, on: resource)
        for workload in try await workloads() where workload.name == name {
            _ = try await remove(workload, silence: silence)
        }
    }

    /// - Returns: False when a worker is placed on it.
    func remove(_ workload: Workload, silence: Duration) async throws -> Bool {
        guard try await users(silence: silence)[workload.name] == nil else { return false }
        try await client.delete(workload.id)
        return true
    }

    /// Those of this arena that are not being deleted.
    private func workloads() async throws(TargonError) -> [Workload] {
        try await client.workloads().filter { $0.name.hasPrefix(account.prefix) && $0.stage != .ending }
    }

    /// The models with workers that are placed on them, by the names of their workloads.
    private func users(silence: Duration) async throws -> [String: PlacedModel] {
        var users: [String: PlacedModel] = [:]
        for placed in try await database.run(ListPlacedModels(silence: silence)) {
            guard let resource = account.resource(of: placed.host) else { continue }
            users[account.workloadName(for: placed.model, on: resource)] = placed
        }
        return users
    }
}
