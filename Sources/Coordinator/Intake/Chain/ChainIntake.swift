internal import Domain
public import Postgres
internal import Records
internal import Rules

/// Takes what the chain shows into the database: the head, who holds which uid, and every new commitment.
public struct ChainIntake: Sendable {
    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    /// Records a view in one transaction. One that is not newer than what is known changes nothing.
    ///
    /// A uid that moves or is given to somebody else changes nothing but where weight goes: a miner is its hotkey.
    ///
    /// - Returns: How many commitments were new.
    /// - Throws: `ChainError.conflict` when another hash is known for the head.
    @discardableResult
    public func apply(_ view: ChainView) async throws -> Int {
        try await database.transaction { session in
            if let newest = try session.run(NewestBlock()).first, newest > view.head.number { return 0 }
            try ChainBlocks.observe(view.head, actor: "chain", in: &session)
            _ = try session.run(StoreNeurons(neurons: view.neurons, block: view.head.number))
            _ = try session.run(MoveUIDs())
            let known = Set(try session.run(KnownReveals()).map { RevealKey($0.hotkey, $0.block) })
            var added = 0
            for (key, reveals) in Dictionary(grouping: view.reveals, by: { RevealKey($0.hotkey, $0.block) })
                .sorted(by: { ($0.key.block, $0.key.hotkey) < ($1.key.block, $1.key.hotkey) })
            where !known.contains(key) {
                for (ordinal, reveal) in reveals.enumerated() {
                    _ = try session.run(InsertReveal(reveal: reveal, ordinal: Int16(clamping: ordinal)))
                    added += 1
                }
                _ = try session.run(OpenAdmission(hotkey: key.hotkey, block: key.block))
            }
            return added
        }
    }
}

private struct RevealKey: Hashable {
    let hotkey: Hotkey
    let block: Int64

    init(_ hotkey: Hotkey, _ block: Int64) {
        self.hotkey = hotkey
        self.block = block
    }
}

private struct NewestBlock: Statement {
    static let sql = "SELECT max(number) FROM affine.chain_block HAVING max(number) IS NOT NULL"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

/// Slots that are not in the view are empty. A registration after the one that was known sets a new anchor.
private struct StoreNeurons: Statement {
    static let sql = """
        WITH seen AS (SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[]) AS s (uid, hotkey, registered_block)),
        gone AS (UPDATE affine.neuron SET hotkey = NULL, seen_block = $4
                 WHERE uid <> ALL ($1) AND hotkey IS NOT NULL)
        INSERT INTO affine.neuron AS n (uid, hotkey, registered_block, anchor_hotkey, seen_block)
        SELECT uid, hotkey, registered_block, hotkey, $4 FROM seen
        ON CONFLICT (uid) DO UPDATE SET
            anchor_hotkey = CASE WHEN excluded.registered_block > n.registered_block THEN excluded.hotkey ELSE n.anchor_hotkey END,
            hotkey = excluded.hotkey, registered_block = excluded.registered_block, seen_block = excluded.seen_block
        WHERE (n.hotkey, n.registered_block) IS DISTINCT FROM (excluded.hotkey, excluded.registered_block)
        """
    var neurons: [Neuron]
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(neurons.map(\.uid))
        bindings.append(neurons.map(\.hotkey))
        bindings.append(neurons.map(\.registeredBlock))
        bindings.append(block)
    }
}

private struct MoveUIDs: Statement {
    static let sql = """
        UPDATE affine.miner m SET uid = now.uid
        FROM (SELECT x.hotkey, min(n.uid) AS uid FROM affine.miner x LEFT JOIN affine.neuron n USING (hotkey) GROUP BY x.hotkey) AS now
        WHERE now.hotkey = m.hotkey AND now.uid IS DISTINCT FROM m.uid
        """
}

private struct KnownReveals: Statement {
    static let sql = "SELECT DISTINCT hotkey, block FROM affine.reveal"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (hotkey: Hotkey, block: Int64) {
        (try row.next(), try row.next())
    }
}

private struct InsertReveal: Statement {
    static let sql = "INSERT INTO affine.reveal (hotkey, block, ordinal, payload) VALUES ($1, $2, $3, $4)"
    var reveal: Reveal
    var ordinal: Int16

    func bind(_ bindings: inout Bindings) {
        bindings.append(reveal.hotkey)
        bindings.append(reveal.block)
        bindings.append(ordinal)
        // What can't be stored is no commitment either.
        bindings.append(reveal.payload.storable(4_096))
    }
}

/// A new commitment is looked at now, whatever came of an earlier one, unless that is final. What was seen of that confirms nothing.
private struct OpenAdmission: Statement {
    static let sql = """
        INSERT INTO affine.admission AS a (hotkey, block, state)
        SELECT $1, $2, (CASE WHEN EXISTS (SELECT FROM affine.miner m WHERE m.hotkey = $1) THEN 'admitted' ELSE 'checking' END)
               ::affine.admission_state
        ON CONFLICT (hotkey) DO UPDATE SET block = excluded.block, next_check_at = clock_timestamp(),
            reason = '', evidence = '', observations = 0, since = clock_timestamp(),
            state = CASE WHEN a.state = 'admitted' THEN a.state ELSE 'checking' END, is_final = false
        WHERE NOT (a.is_final AND a.state = 'refused')
        """
    var hotkey: Hotkey
    var block: Int64

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(block)
    }
}
