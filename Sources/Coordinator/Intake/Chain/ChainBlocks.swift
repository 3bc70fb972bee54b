public import Postgres
internal import Records
public import Rules

/// The blocks that were seen. The newest is the head; a window's seed is the hash of the block that opened it.
public struct ChainBlocks: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Records a block; the same block twice is harmless. `actor` is for the log: the hash seeds a pool.
    ///
    /// - Throws: `ChainError.conflict` when another hash is known for that number.
    public func observe(_ block: Block, actor: String) async throws {
        try await database.transaction { try Self.observe(block, actor: actor, in: &$0) }
    }

    static func observe(_ block: Block, actor: String, in session: inout Session) throws {
        if try session.affectedRows(InsertBlock(block: block)) == 1 {
            _ = try session.run(
                RecordEvent(
                    actor: actor, kind: "chain.block_observed", subject: "block \(block.number)",
                    reason: block.hash.description))
        }
        let known = try session.run(FindBlock(number: block.number)).first
        guard known == block else {
            throw ChainError.conflict(seen: block, known: known?.hash.description ?? "none")
        }
    }
}

public struct Block: Hashable, Sendable {
    public let number: Int64
    public let hash: BlockHash

    public init(number: Int64, hash: BlockHash) {
        self.number = number
        self.hash = hash
    }
}

public enum ChainError: Error, Sendable, CustomStringConvertible {
    case conflict(seen: Block, known: String)

    public var description: String {
        switch self {
        case .conflict(let seen, let known):
            "block \(seen.number) has hash \(seen.hash), but \(known) was recorded for it before"
        }
    }
}

private struct InsertBlock: Statement {
    static let sql =
        "INSERT INTO affine.chain_block (number, hash) VALUES ($1, decode($2, 'hex')) ON CONFLICT DO NOTHING"
    var block: Block

    func bind(_ bindings: inout Bindings) {
        bindings.append(block.number)
        bindings.append(block.hash.hex)
    }
}

private struct FindBlock: Statement {
    static let sql = "SELECT number, encode(hash, 'hex') FROM affine.chain_block WHERE number = $1"
    var number: Int64

    func bind(_ bindings: inout Bindings) { bindings.append(number) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Block { try .decode(&row) }
}

extension Block {
    /// Reads the columns (number, hash in hexadecimal).
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Block {
        let number: Int64 = try row.next()
        let hex: String = try row.next()
        guard let hash = try? BlockHash(hex) else {
            throw PostgresError(.decoding, "block \(number) has the hash '\(hex)'")
        }
        return Block(number: number, hash: hash)
    }
}
