import Domain
import FoundationEssentials
import Glibc
import Postgres
import Testing

/// Two coordinators and three workers, each on a host of its own, over a database on two more.
struct HostArena: Sendable {
    static let coordinators = ["coord1", "coord2"]
    static let workers = ["work1", "work2", "work3"]
    /// Of workers, in seconds.
    static let timeToLive = 4

    struct Ended: Sendable {
        var history: ArenaHistory
        var surprises: [Supervisor.Surprise]
    }

    let network: HostNetwork
    let database: HostDatabase
    let world: ScriptedWorld
    let supervisor: Supervisor
    let owner: Database
    let scenario: Scenario

    /// Plays a window of contests while `disturb` does what it wants.
    ///
    /// - Throws: What `disturb` throws; `ScenarioError`.
    static func play(_ disturb: @escaping @Sendable (HostArena) async throws -> Void) async throws -> Ended {
        try await HostDatabase.with(others: coordinators + workers) { database in
            let ended: Result<Ended, any Error>
            do { ended = .success(try await HostArena(database).play(disturb)) } catch { ended = .failure(error) }
            if ((try? ended.get())?.surprises.isEmpty) != true { Supervisor.keepLogs(of: database.folder) }
            return try ended.get()
        }
    }

    private init(_ database: HostDatabase) {
        self.database = database
        network = database.network
        world = ScriptedWorld(pace: 14, address: network.gateway)
        supervisor = Supervisor(folder: database.folder)
        owner = database.owner()
        scenario = Scenario(
            seed: 1, world: world, miners: Scenario.miners(windows: 1), owner: owner,
            url: database.url("affine_coordinator"))
    }

    private func play(_ disturb: @escaping @Sendable (HostArena) async throws -> Void) async throws -> Ended {
        try await scenario.define()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await world.run()
                return false
            }
            for unit in units {
                group.addTask {
                    try await supervisor.keepRunning(unit)
                    return false
                }
            }
            group.addTask {
                try await scenario.playWindow(0)
                return true
            }
            group.addTask {
                try await disturb(self)
                return true
            }
            defer { group.cancelAll() }
            var left = 2
            while left > 0, let isDone = try await group.next() { left -= isDone ? 1 : 0 }
            try await scenario.untilTidy()
        }
        let history = try await ArenaHistory.read(owner)
        await owner.close()
        try await scenario.check()
        return Ended(history: history, surprises: supervisor.surprises)
    }

    private var units: [Supervisor.Unit] {
        Self.coordinators.map { unit($0, "affine_coordinator", Scenario.coordinator) }
            + Self.workers.map { unit($0, "affine_worker", scenario.worker($0, timeToLive: Self.timeToLive)) }
    }

    private func unit(_ host: String, _ user: String, _ arguments: [String]) -> Supervisor.Unit {
        Supervisor.Unit(
            name: host, arguments: arguments, environment: ["AFFINE_DATABASE_URL": database.url(user)],
            runner: network.runner(host))
    }

    /// Returns once the condition holds.
    ///
    /// - Throws: `ScenarioError` naming it when it does not within a minute.
    func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            guard .now < deadline else { throw ScenarioError("a minute passed without this: \(what)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The coordinator that is about to write a verdict and waits for the table.
    func deciding() async throws -> String {
        var found: String?
        try await until("a coordinator decides") {
            let address = try await owner.run(FindDeciding()).first
            found = Self.coordinators.first { network.address($0) == address }
            return found != nil
        }
        return found ?? ""
    }
}

/// Rows: the address of whoever waits for a lock to write a verdict.
private struct FindDeciding: Statement {
    static let sql = """
        SELECT host(client_addr) FROM pg_stat_activity
        WHERE usename = 'affine_coordinator' AND wait_event_type = 'Lock' AND query LIKE '%UPDATE affine.contest%'
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
