public import Domain
public import Postgres
internal import Records

/// When weights go to the chain, and what of them.
public struct EmissionSettings: Sendable {
    /// Blocks between two emissions, whether or not anything changed.
    public var interval: Int64 = 180
    /// What share is burnt, 0 to 1.
    public var burn = Score.zero
    public var burnUID: Int32 = 0
    /// How many of the last champions share the reward, the present one among them.
    public var rewardedChampions = 1

    public init() {}
}

/// Sends weights to the chain.
public protocol WeightWriter: Sendable {
    /// Returns once the weights are in a final block, with its number.
    func setWeights(_ weights: WeightVector) async throws -> Int64
}

/// Weights on their way to the chain: an emission is due every so many blocks, even when nothing changed, and is tried until
/// it is final or the next is due.
public struct WeightEmissions: Sendable {
    private let database: Database
    private let settings: EmissionSettings

    public init(database: Database, settings: EmissionSettings) {
        self.database = database
        self.settings = settings
    }

    /// Makes an emission due if it is time for one; returns whether it was.
    @discardableResult
    public func plan() async throws -> Bool {
        try await database.transaction(.serializable) { session in
            guard let moment = try session.run(FindEmissionMoment()).first,
                moment.head - (moment.last ?? (moment.head - settings.interval)) >= settings.interval
            else { return false }
            let rewards = try session.run(LoadRewards(champions: Int64(settings.rewardedChampions)))
            let uids = Dictionary(try session.run(LoadUIDs()).map { ($0.hotkey, $0.uid) }) { first, _ in first }
            // Those who are not registered share nothing; when nobody is, all is burnt.
            let registered = rewards.filter { uids[$0.hotkey] != nil }
            let vector = WeightVector(
                rewards: registered.isEmpty ? rewards : registered, uids: uids, burn: settings.burn,
                burnUID: settings.burnUID)
            _ = try session.run(SupersedeEmissions())
            _ = try session.run(
                InsertEmission(block: moment.head, snapshot: moment.snapshot, burn: settings.burn, vector: vector))
            return true
        }
    }

    /// Sends what is due; a failure is written down and tried again at the next call.
    ///
    /// - Returns: Whether something became final.
    @discardableResult
    public func submit(through writer: some WeightWriter) async throws -> Bool {
        guard let due = try await database.run(TakeDueEmission()).first else { return false }
        do {
            let block = try await writer.setWeights(due.vector)
            return try await database.run(FinishEmission(id: due.id, block: block)).first != nil
        } catch {
            try await database.run(NoteEmissionFailure(id: due.id, detail: String("\(error)".prefix(500))))
            throw error
        }
    }
}

private struct FindEmissionMoment: Statement {
    struct Moment: Sendable {
        var head: Int64
        var snapshot: Int64
        var last: Int64?
    }

    static let sql = """
        SELECT (SELECT max(number) FROM affine.chain_block), s.id, (SELECT max(block) FROM affine.weight_emission)
        FROM affine.weight_snapshot s ORDER BY s.id DESC LIMIT 1
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Moment {
        try Moment(head: row.next(), snapshot: row.next(), last: row.next())
    }
}

/// The last champions, the present one first; a miner that reigned twice counts once.
private struct LoadRewards: Statement {
    static let sql = "SELECT hotkey, 1::bigint FROM affine.reign GROUP BY hotkey ORDER BY max(id) DESC LIMIT $1"
    var champions: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(champions) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (hotkey: Hotkey, share: Int64) {
        (try row.next(), try row.next())
    }
}

private struct LoadUIDs: Statement {
    static let sql = "SELECT hotkey, min(uid) FROM affine.neuron WHERE hotkey IS NOT NULL GROUP BY hotkey"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (hotkey: Hotkey, uid: Int32) {
        (try row.next(), try row.next())
    }
}

private struct SupersedeEmissions: Statement {
    static let sql = "UPDATE affine.weight_emission SET status = 'superseded' WHERE status IN ('due', 'sent')"
}

private struct InsertEmission: Statement {
    static let sql =
        "INSERT INTO affine.weight_emission (block, snapshot, burn_nano, uids, shares) VALUES ($1, $2, $3, $4, $5)"
    var block: Int64
    var snapshot: Int64
    var burn: Score
    var vector: WeightVector

    func bind(_ bindings: inout Bindings) {
        bindings.append(block)
        bindings.append(snapshot)
        bindings.append(burn.nano)
        bindings.append(vector.shares.map(\.uid))
        bindings.append(vector.shares.map(\.share))
    }
}

/// What was sent long ago without an end was sent by a coordinator that is gone; weights may be set twice. What failed waits 10 s, then
/// 20 s, up to ten minutes: a chain that limits rates is not asked all the time.
private struct TakeDueEmission: Statement {
    static let sql = """
        UPDATE affine.weight_emission SET status = 'sent', tries = tries + 1, sent_at = clock_timestamp()
        WHERE (status = 'due' AND (tries = 0 OR sent_at < clock_timestamp() - LEAST(interval '5 s' * 2 ^ LEAST(tries, 7), interval '10 minutes')))
           OR (status = 'sent' AND sent_at < clock_timestamp() - interval '10 minutes')
        RETURNING id, uids, shares
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (id: Int64, vector: WeightVector) {
        let id: Int64 = try row.next()
        let uids: [Int32] = try row.next()
        let shares: [Int64] = try row.next()
        return (id, WeightVector(stored: zip(uids, shares).map { ($0, $1) }))
    }
}

private struct FinishEmission: Statement {
    static let sql = """
        UPDATE affine.weight_emission SET status = 'final', final_at = clock_timestamp(), detail = 'block ' || $2
        WHERE id = $1 AND status = 'sent' RETURNING id
        """
    var id: Int64
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(id)
        bindings.append(block)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct NoteEmissionFailure: Statement {
    static let sql = "UPDATE affine.weight_emission SET status = 'due', detail = $2 WHERE id = $1 AND status = 'sent'"
    var id: Int64
    var detail: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(id)
        bindings.append(detail)
    }
}
