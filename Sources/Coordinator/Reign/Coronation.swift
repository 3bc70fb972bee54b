internal import Domain
internal import Postgres
internal import Records

extension Arena {
    /// Cold start: with no champion, the head of the queue takes the throne without a contest, and its weights at once.
    func crown(_ hotkey: Hotkey, at block: Int64, in session: inout Session) throws {
        guard let number = try session.run(NextThroneNumber()).first else { return }
        _ = try session.run(SetMinerState(hotkey: hotkey, state: "champion", reason: "crowned: the throne was empty"))
        try beginReign(number, hotkey: hotkey, contest: nil, block: block, in: &session)
        _ = try session.run(
            RecordEvent(
                kind: "miner.crowned", subject: hotkey.rawValue, reason: "the throne was empty at block \(block)"))
    }

    /// Opens a reign and writes the weights that follow from it: all to the champion.
    func beginReign(
        _ number: Int64, hotkey: Hotkey, contest: ContestID?, block: Int64, in session: inout Session
    ) throws {
        let reign = ReignID(rawValue: number)
        _ = try session.run(InsertReign(reign: reign, hotkey: hotkey, contest: contest, block: block))
        _ = try session.run(SnapshotWeights(reign: reign, hotkey: hotkey, block: block, shareNano: Score.unit))
    }
}

struct NextThroneNumber: Statement {
    static let sql = "SELECT nextval('affine.throne_number')"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

struct SetMinerState: Statement {
    static let sql = "UPDATE affine.miner SET state = $2::text::affine.miner_state, state_reason = $3 WHERE hotkey = $1"
    var hotkey: Hotkey
    var state: String
    var reason: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(state)
        bindings.append(reason)
    }
}

struct EndReign: Statement {
    static let sql = "UPDATE affine.reign SET to_block = $1, ended_at = clock_timestamp() WHERE to_block IS NULL"
    var block: Int64

    func bind(_ bindings: inout Bindings) { bindings.append(block) }
}

private struct InsertReign: Statement {
    static let sql = "INSERT INTO affine.reign (id, hotkey, contest, from_block) VALUES ($1, $2, $3, $4)"
    var reign: ReignID
    var hotkey: Hotkey
    var contest: ContestID?
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(reign)
        bindings.append(hotkey)
        bindings.append(contest)
        bindings.append(block)
    }
}

private struct SnapshotWeights: Statement {
    static let sql = """
        WITH snapshot AS (INSERT INTO affine.weight_snapshot (reign, block) VALUES ($1, $3) RETURNING id)
        INSERT INTO affine.weight (snapshot, hotkey, share_nano) SELECT id, $2, $4 FROM snapshot
        """
    var reign: ReignID
    var hotkey: Hotkey
    var block: Int64
    var shareNano: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(reign)
        bindings.append(hotkey)
        bindings.append(block)
        bindings.append(shareNano)
    }
}
