internal import Domain
internal import FoundationEssentials
internal import Postgres
internal import Records

/// A hotkey whose commitment is due to be looked at, and what was seen of it before.
struct AdmissionCandidate: Sendable {
    var hotkey: Hotkey
    var block: Int64
    var isAdmitted: Bool
    /// The reason that was found at the last look, and how often and for how long it has been.
    var reason: String
    var observations: Int32
    var secondsSince: Double
}

enum AdmissionState: String {
    case checking, admitted, refused
}

/// Takes what is due, for so many seconds: others leave it alone meanwhile.
struct ClaimDue: Statement {
    static let sql = """
        WITH due AS (
            SELECT hotkey FROM affine.admission WHERE NOT is_final AND next_check_at <= clock_timestamp()
            ORDER BY block, hotkey LIMIT 16 FOR UPDATE SKIP LOCKED)
        UPDATE affine.admission a SET next_check_at = clock_timestamp() + make_interval(secs => $1::float8)
        FROM due WHERE a.hotkey = due.hotkey
        RETURNING a.hotkey, a.block, a.state = 'admitted', a.reason, a.observations,
                  extract(epoch FROM clock_timestamp() - a.since)::float8
        """
    var hold: Double
    func bind(_ bindings: inout Bindings) { bindings.append(hold) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> AdmissionCandidate {
        try AdmissionCandidate(
            hotkey: row.next(), block: row.next(), isAdmitted: row.next(), reason: row.next(), observations: row.next(),
            secondsSince: row.next())
    }
}

/// One row while the hotkey's commitment is still that of this block.
struct LockCommitment: Statement {
    static let sql = "SELECT true FROM affine.admission WHERE hotkey = $1 AND block = $2 FOR UPDATE"
    var hotkey: Hotkey
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(block)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

struct LoadReveals: Statement {
    static let sql = "SELECT hotkey, block, payload FROM affine.reveal WHERE hotkey = $1 ORDER BY block, ordinal"
    var hotkey: Hotkey
    func bind(_ bindings: inout Bindings) { bindings.append(hotkey) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Reveal {
        try Reveal(hotkey: row.next(), block: row.next(), payload: row.next())
    }
}

struct FindSlot: Statement {
    static let sql = "SELECT uid, anchor_hotkey FROM affine.neuron WHERE hotkey = $1 ORDER BY uid LIMIT 1"
    var hotkey: Hotkey
    func bind(_ bindings: inout Bindings) { bindings.append(hotkey) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (uid: Int32, anchor: Hotkey) {
        (try row.next(), try row.next())
    }
}

/// Other miners with the same weights, the earliest commitment first; those that were refused do not count.
struct FindTwins: Statement {
    struct Twin: Sendable {
        var hotkey: Hotkey
        var uid: Int32?
        var block: Int64
        var isPending: Bool
    }

    static let sql = """
        SELECT hotkey, uid, first_block, state = 'pending' FROM affine.miner
        WHERE model_hash = $1 AND hotkey <> $2 AND state <> 'invalid' ORDER BY first_block, hotkey
        """
    var modelHash: String
    var hotkey: Hotkey

    func bind(_ bindings: inout Bindings) {
        bindings.append(modelHash)
        bindings.append(hotkey)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Twin {
        try Twin(hotkey: row.next(), uid: row.next(), block: row.next(), isPending: row.next())
    }
}

extension Session {
    /// Writes down where the checks stand. A reason that is found again keeps the time at which it was first.
    mutating func settle(
        _ candidate: AdmissionCandidate, _ state: AdmissionState, _ reason: String = "", _ evidence: String = "",
        isFinal: Bool = false, after seconds: Int64 = 0
    ) throws {
        _ = try run(
            SettleAdmission(
                hotkey: candidate.hotkey, state: state, reason: reason, evidence: evidence, isFinal: isFinal,
                seconds: seconds))
    }

    /// Ends a miner that waits; one that has met the champion or is it stays what it is.
    mutating func invalidate(
        _ hotkey: Hotkey, _ reason: String, _ evidence: String, actor: String = "admission"
    ) throws {
        guard try affectedRows(InvalidateMiner(hotkey: hotkey, reason: reason)) == 1 else { return }
        let detail = try ["evidence": evidence].jsonText()
        _ = try run(
            RecordEvent(
                actor: actor, kind: "miner.invalidated", subject: hotkey.rawValue, reason: reason, detail: detail)
        )
    }
}

private struct SettleAdmission: Statement {
    static let sql = """
        UPDATE affine.admission SET
            state = $2::text::affine.admission_state, is_final = $5,
            since = CASE WHEN reason = $3 AND observations > 0 THEN since ELSE clock_timestamp() END,
            observations = CASE WHEN reason = $3 THEN observations + 1 ELSE 1 END,
            reason = $3, evidence = $4, next_check_at = clock_timestamp() + make_interval(secs => $6::float8)
        WHERE hotkey = $1
        """
    var hotkey: Hotkey
    var state: AdmissionState
    var reason: String
    var evidence: String
    var isFinal: Bool
    var seconds: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(state.rawValue)
        bindings.append(reason)
        bindings.append(evidence)
        bindings.append(isFinal)
        bindings.append(Double(seconds))
    }
}

struct InvalidateMiner: Statement {
    static let sql =
        "UPDATE affine.miner SET state = 'invalid', state_reason = $2 WHERE hotkey = $1 AND state = 'pending'"
    var hotkey: Hotkey
    var reason: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(reason)
    }
}
