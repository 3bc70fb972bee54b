import Coordinator
import Domain
import Logging
import Postgres
import Rules
import TestSupport

/// The arena in a test's own database. Coordinator and workers connect under the roles that production gives them, through a
/// pooler where there is one.
struct Stage: Sendable {
    /// The superuser, for looking and for tampering.
    let owner: Database
    let coordinator: Database
    let workers: Database
    let arena: Arena
    let settings: ArenaSettings

    static func with<T: Sendable>(
        _ change: (inout ArenaSettings) -> Void = { _ in }, through pooler: PooledDatabase? = nil,
        _ body: (Stage) async throws -> T
    ) async throws -> T {
        let fresh = FreshDatabase.current
        try await fresh.database.execute(Database.rowsFunction)
        let pools = try ["affine_coordinator", "affine_worker"].map { try pool(as: $0, through: pooler) }
        var settings = ArenaSettings()
        settings.voidPause = .zero
        settings.lookAhead = 0
        change(&settings)
        let stage = Stage(
            owner: fresh.database, coordinator: pools[0], workers: pools[1],
            arena: Arena(database: pools[0], settings: settings, logger: FreshDatabase.logger), settings: settings)
        let result: Result<T, any Error>
        do { result = .success(try await body(stage)) } catch { result = .failure(error) }
        for pool in pools { await pool.close() }
        return try result.get()
    }

    /// On a server of the test's own, where everybody is the superuser.
    static func alone(_ database: Database) -> Stage {
        Stage(
            owner: database, coordinator: database, workers: database,
            arena: Arena(database: database, settings: ArenaSettings(), logger: FreshDatabase.logger),
            settings: ArenaSettings())
    }

    /// A pool of sessions that act as a role from their first statement on.
    static func pool(
        as role: String, through pooler: PooledDatabase? = nil, _ change: (inout DatabaseSettings) -> Void = { _ in }
    ) throws -> Database {
        var address = try ConnectionString(FreshDatabase.current.url())
        address["options"] = "-c role=\(role)"
        var settings = pooler?.settings(as: role) ?? DatabaseSettings(url: address.url)
        settings.maximumConnections = 4
        change(&settings)
        return Database(settings, logger: FreshDatabase.logger)
    }

    /// A block whose hash follows from its number.
    func observe(_ number: Int64) async throws {
        try await ChainBlocks(database: coordinator).observe(Self.block(number), actor: "test")
    }

    static func block(_ number: Int64) throws -> Block {
        let digits = String(number, radix: 16)
        return Block(number: number, hash: try BlockHash(String(repeating: "0", count: 64 - digits.count) + digits))
    }

    /// Puts miners into the queue, one block after another.
    @discardableResult
    func admit(_ letters: String, from block: Int64 = 1) async throws -> [TestMiner] {
        let miners = try letters.map { try TestMiner($0) }
        for (offset, miner) in miners.enumerated() {
            try await MinerIntake(database: coordinator).admit(
                hotkey: miner.hotkey, model: miner.model, block: block + Int64(offset), uid: nil, actor: "test")
        }
        return miners
    }

    func define(_ environments: EnvironmentDefinition...) async throws {
        try await EnvironmentCatalogue(database: coordinator).define(environments, actor: "test")
    }

    /// Environments `abd` and `ded`, block 100 and miners in this order.
    @discardableResult
    func prepare(_ letters: String, count: Int32 = 10, attempts: Int16 = 3) async throws -> [TestMiner] {
        try await define(
            .test("abd", count: count, attempts: attempts), .test("ded", count: count, attempts: attempts))
        try await observe(100)
        return try await admit(letters)
    }
}

extension EnvironmentDefinition {
    /// Scores from 0 to 1, and a margin of 0.1 a task.
    static func test(
        _ name: String, count: Int32 = 10, tasks: Int64 = 1_000, attempts: Int16 = 3, runLength: Int16 = 1
    ) throws -> EnvironmentDefinition {
        EnvironmentDefinition(
            name: try EnvironmentName(name), bounds: try .unit, margin: Score(nano: Score.unit / 10),
            samplingCount: count, datasetRanges: [0..<tasks], maximumAttempts: attempts, runLength: runLength)
    }
}

extension ScoreBounds {
    static var unit: ScoreBounds {
        get throws {
            guard let bounds = ScoreBounds(lo: .zero, hi: .one) else {
                throw InvalidValue(field: "bounds", value: "[0, 1]", expected: "bounds")
            }
            return bounds
        }
    }
}
