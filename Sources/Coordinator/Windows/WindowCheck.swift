internal import Digest
public import Domain
internal import Postgres
internal import Records
internal import Rules

/// Whether a window's pool is what follows from the hash of the block that opened it.
public struct PoolCheck: Hashable, Sendable, Encodable {
    public var environment: EnvironmentName
    public var tasks: Int
    /// The first place where the stored pool is another than the drawn one; nil when they are the same.
    public var firstDifference: Int?

    enum CodingKeys: String, CodingKey {
        case environment, tasks
        case firstDifference = "first_difference"
    }
}

extension WindowHistory {
    /// Draws a window's pools again. `docs/window.md` says how anybody can.
    ///
    /// - Throws: `InvalidValue` when there is no such window.
    public func verifyPools(of window: WindowID) async throws -> (seed: String, block: Int64, pools: [PoolCheck]) {
        guard let block = try await database.run(FindOpeningBlock(window: window)).first else {
            throw InvalidValue(field: "window", value: window.description, expected: "one of the windows there are")
        }
        let seed = WindowSeed(window: window, openingBlock: block.hash)
        let pools = try await database.run(LoadStoredPools(window: window)).map { stored in
            let drawn = try seed.pool(
                of: stored.environment, from: stored.source, samplingCount: stored.samplingCount,
                selection: stored.selection)
            let places = (0..<max(drawn.count, stored.pool.count)).first { place in
                place >= drawn.count || place >= stored.pool.count || drawn[place] != stored.pool[place]
            }
            return PoolCheck(environment: stored.environment, tasks: stored.pool.count, firstDifference: places)
        }
        return (seed.digest.description, block.number, pools)
    }
}

private struct FindOpeningBlock: Statement {
    static let sql = """
        SELECT b.number, encode(b.hash, 'hex') FROM affine.task_window w JOIN affine.chain_block b ON b.number = w.opened_block
        WHERE w.id = $1
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Block { try .decode(&row) }
}

private struct StoredPool: Sendable {
    var environment: EnvironmentName
    var samplingCount: Int64
    var selection: TaskSelection
    var source: TaskRanges
    var pool: [TaskID]
}

private struct LoadStoredPools: Statement {
    static let sql = """
        SELECT n.name, we.sampling_count::bigint, we.selection,
               (SELECT array_agg(lower(r) ORDER BY lower(r)) FROM unnest(we.dataset_ranges) AS r),
               (SELECT array_agg(upper(r) ORDER BY lower(r)) FROM unnest(we.dataset_ranges) AS r),
               (SELECT array_agg(t.task_id ORDER BY t.ordinal) FROM affine.window_task t
                WHERE t.window_id = we.window_id AND t.environment = we.environment)
        FROM affine.window_environment we JOIN affine.environment n ON n.id = we.environment
        WHERE we.window_id = $1 AND we.derived_from IS NULL ORDER BY n.name COLLATE "C"
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> StoredPool {
        let environment: EnvironmentName = try row.next()
        let samplingCount: Int64 = try row.next()
        let selection: String = try row.next()
        let (lower, upper): ([Int64], [Int64]) = (try row.next(), try row.next())
        guard let selection = TaskSelection(rawValue: selection) else {
            throw PostgresError(.decoding, "environment \(environment) has the selection '\(selection)'")
        }
        return StoredPool(
            environment: environment, samplingCount: samplingCount, selection: selection,
            source: TaskRanges(zip(lower, upper).map { $0..<$1 }), pool: try row.next())
    }
}
