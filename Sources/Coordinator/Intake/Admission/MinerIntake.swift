public import Domain
public import Postgres
internal import Records

/// Admits miners to the queue. A hotkey has one lifetime: its second commitment is refused.
public struct MinerIntake: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Records what a hotkey committed at `block` and puts the miner into the queue.
    ///
    /// - Throws: `IntakeError.alreadyCommitted` when the hotkey has a commitment; `PostgresError`.
    public func admit(hotkey: Hotkey, model: ModelReference, block: Int64, uid: Int32?, actor: String) async throws {
        guard block >= 0 else {
            throw InvalidValue(field: "block", value: String(block), expected: "a block number, 0 or more")
        }
        if let uid, !(0...65_535).contains(uid) {
            throw InvalidValue(field: "uid", value: String(uid), expected: "0 to 65535")
        }
        try await database.transaction(.serializable) { session in
            try Self.admit(
                hotkey: hotkey, model: model, block: block, uid: uid, modelHash: nil, actor: actor, in: &session)
        }
    }

    static func admit(
        hotkey: Hotkey, model: ModelReference, block: Int64, uid: Int32?, modelHash: String?,
        benchmark: String? = nil, actor: String, in session: inout Session
    ) throws {
        if let earlier = try session.run(FindCommitment(hotkey: hotkey)).first {
            throw IntakeError.alreadyCommitted(hotkey, earlier)
        }
        let commitments = try session.run(InsertCommitment(hotkey: hotkey, model: model, block: block))
        for commitment in commitments {
            _ = try session.run(
                InsertMiner(
                    hotkey: hotkey, commitment: commitment, block: block, uid: uid, modelHash: modelHash,
                    benchmark: benchmark))
        }
        _ = try session.run(
            RecordEvent(
                actor: actor, kind: "miner.admitted", subject: hotkey.rawValue, reason: "\(model) at block \(block)"))
    }
}

/// Why a commitment was not admitted.
public enum IntakeError: Error, Sendable, CustomStringConvertible {
    /// The hotkey's earlier commitment, which stands.
    case alreadyCommitted(Hotkey, EarlierCommitment)

    public struct EarlierCommitment: Sendable {
        public let model: String
        public let revision: String
        public let block: Int64
        public let state: String
    }

    public var description: String {
        switch self {
        case .alreadyCommitted(let hotkey, let earlier):
            "hotkey \(hotkey) already committed \(earlier.model)@\(earlier.revision) at block \(earlier.block) and is "
                + "\(earlier.state): a hotkey has one lifetime, so use another hotkey"
        }
    }
}

private struct FindCommitment: Statement {
    static let sql = """
        SELECT c.model, c.revision, c.block, m.state::text
        FROM affine.miner m JOIN affine.commitment c ON c.id = m.commitment WHERE m.hotkey = $1
        """
    var hotkey: Hotkey

    func bind(_ bindings: inout Bindings) { bindings.append(hotkey) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> IntakeError.EarlierCommitment {
        try .init(model: row.next(), revision: row.next(), block: row.next(), state: row.next())
    }
}

private struct InsertCommitment: Statement {
    static let sql =
        "INSERT INTO affine.commitment (hotkey, model, revision, block) VALUES ($1, $2, $3, $4) RETURNING id"
    var hotkey: Hotkey
    var model: ModelReference
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(model.repository)
        bindings.append(model.revision)
        bindings.append(block)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> CommitmentID { try row.next() }
}

private struct InsertMiner: Statement {
    static let sql = """
        INSERT INTO affine.miner (hotkey, commitment, first_block, uid, model_hash, benchmark)
        VALUES ($1, $2, $3, $4, $5, $6)
        """
    var hotkey: Hotkey
    var commitment: CommitmentID
    var block: Int64
    var uid: Int32?
    var modelHash: String?
    var benchmark: String?

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(commitment)
        bindings.append(block)
        bindings.append(uid)
        bindings.append(modelHash)
        bindings.append(benchmark)
    }
}
