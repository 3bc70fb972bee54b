internal import Digest
internal import Domain
public import Logging
public import Postgres
internal import Records

/// Plays a recorded chain through the same code that follows a live one, one final block after another.
public struct ChainReplay: Sendable {
    public struct Settings: Sendable {
        /// How many blocks have to follow one until it is final.
        public var depth = 3
        /// As the arena's: a block at which a window is due is looked at, whatever is in it.
        public var refreshBlocks: Int64 = 7_200
        public var emission = EmissionSettings()

        public init() {}
    }

    /// What the chain led to.
    public struct Report: Hashable, Sendable, Codable {
        public var blocks: Int
        public var reveals: Int
        public var head: Int64
        /// How many miners are in each state.
        public var miners: [String: Int64]
        /// SHA-256 over what was decided: miners, contests with their outcome digests, reigns, weights. Left out are
        /// contests' numbers, in which a crash leaves gaps, and how far a challenger came before its contest ended early.
        public var digest: String
    }

    private let database: Database
    private let arena: Arena
    private let admission: AdmissionService
    private let emissions: WeightEmissions
    private let settings: Settings

    /// Only blocks pass in a recording, so what would wait for minutes has waited: admission's two looks follow one another, and so
    /// does a contest on one that was void. Else the end would depend on how long playing takes.
    public init(
        database: Database, contests: ArenaSettings, hub: HubClient, policy: AdmissionPolicy,
        audit: TemplateAudit? = nil, settings: Settings, logger: Logger
    ) {
        var (contests, policy) = (contests, policy)
        (contests.voidPause, policy.confirmSeconds) = (.zero, 0)
        self.database = database
        self.settings = settings
        arena = Arena(database: database, settings: contests, logger: logger)
        admission = AdmissionService(database: database, hub: hub, policy: policy, audit: audit)
        emissions = WeightEmissions(database: database, settings: settings.emission)
    }

    /// Plays blocks in the order in which a node heard of them.
    ///
    /// - Parameters:
    ///   - settle: Called at each block of interest until it returns false: lets workers do what is queued. Left out, it
    ///     waits for workers that run elsewhere.
    ///   - progress: Told how many blocks are done, and of how many.
    /// - Throws: `InvalidValue` naming a block that does not follow; what the database says.
    public func play(
        _ blocks: [RecordedBlock], settle: (@Sendable () async throws -> Bool)? = nil,
        progress: WorkProgress = { _, _ in }
    ) async throws -> Report {
        var chain = RecordedChain(depth: settings.depth)
        var isFirst = true
        try await database.run(ReleaseClaims())
        // What was played before a crash is passed over, but for the last block: it may not have been done.
        let known = try await database.run(HeadNumber()).first ?? 0
        for (index, block) in blocks.enumerated() {
            progress(index + 1, blocks.count)
            guard let final = try chain.append(block), let view = chain.view else { continue }
            // In between only time passes; what time leads to is due at these blocks.
            let isDue = final.number % settings.emission.interval == 0 || final.number % settings.refreshBlocks == 0
            guard final.isEventful || isDue || isFirst || index == blocks.count - 1, final.number >= known else {
                continue
            }
            isFirst = false
            try await ChainIntake(database: database).apply(view)
            try await move(settle)
        }
        return try await report(blocks.count, reveals: chain.view?.reveals.count ?? 0)
    }

    /// Until the arena waits for something that only a later block can bring.
    private func move(_ settle: (@Sendable () async throws -> Bool)?) async throws {
        while try await admission.advance() > 0 {}
        while true {
            let waiting = try await arena.advance()
            guard let settle else {
                guard let reason = ArenaStep.Reason(rawValue: waiting), reason != .anotherCoordinator else {
                    try await Task.sleep(for: .milliseconds(20))
                    continue
                }
                break
            }
            guard try await settle() else { break }
        }
        try await emissions.plan()
        try await emissions.submit(through: RecordedWriter())
    }

    /// A recorded chain takes whatever it is given.
    private struct RecordedWriter: WeightWriter {
        func setWeights(_ weights: WeightVector) async throws -> Int64 { 0 }
    }

    private func report(_ blocks: Int, reveals: Int) async throws -> Report {
        let states = try await database.run(CountStates())
        let lines = try await database.run(ListDecided())
        return Report(
            blocks: blocks, reveals: reveals, head: try await database.run(HeadNumber()).first ?? 0,
            miners: Dictionary(uniqueKeysWithValues: states.map { ($0.state, $0.count) }),
            digest: SHA256Digest(of: lines.joined(separator: "\n")).hex)
    }
}

/// What a process that died had taken to look at is due at once: nobody else plays.
private struct ReleaseClaims: Statement {
    static let sql = "UPDATE affine.admission SET next_check_at = clock_timestamp() WHERE NOT is_final"
}

private struct HeadNumber: Statement {
    static let sql = "SELECT max(number) FROM affine.chain_block HAVING max(number) IS NOT NULL"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct CountStates: Statement {
    static let sql = "SELECT state::text, count(*) FROM affine.miner GROUP BY state"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (state: String, count: Int64) {
        (try row.next(), try row.next())
    }
}

private struct ListDecided: Statement {
    static let sql = """
        SELECT line FROM (
            SELECT 1 AS part, row_number() OVER (ORDER BY first_block, hotkey) AS place,
                   concat_ws(' ', hotkey, state, CASE WHEN state = 'invalid' THEN state_reason END) AS line FROM affine.miner
            UNION ALL
            SELECT 2, id, concat_ws(' ', challenger, verdict, encode(outcome_digest, 'hex')) FROM affine.contest
            UNION ALL
            SELECT 3, id, concat_ws(' ', hotkey, from_block, to_block) FROM affine.reign
            UNION ALL
            SELECT 4, id, concat_ws(' ', block, uids, shares) FROM affine.weight_emission
        ) AS decided ORDER BY part, place
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
