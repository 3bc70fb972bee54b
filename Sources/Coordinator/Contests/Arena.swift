internal import Domain
public import Logging
public import Postgres
internal import Records
public import Rules

/// Bounds on how long things may take and how often they may be tried again.
public struct ArenaSettings: Sendable {
    /// Blocks after which the pool is drawn anew.
    public var refreshBlocks: Int64 = 7_200
    public var baselineDeadline: Duration = .seconds(6 * 3_600)
    public var contestDeadline: Duration = .seconds(24 * 3_600)
    /// How many tasks of each environment the champion runs a second time in each window, to measure its noise.
    public var rerunTasks = 0
    /// Whether ranges of task ids may be read from addresses that are not public.
    public var readsPrivateSources = false
    /// Passes over a window's tasks that infrastructure may spoil before what is missing counts as the lowest score.
    public var baselineRounds: Int16 = 3
    /// Void contests after which a miner counts as undeployable.
    public var voidContests: Int16 = 3
    /// Hosts on which a model has to fail to load, or failures in all, until that is the model's own fault.
    public var undeployableHosts: Int32 = 2
    public var undeployableLoads: Int32 = 3
    /// How long a miner waits after its first void contest; twice as long after the second, and so on. Others go on meanwhile.
    public var voidPause: Duration = .seconds(600)
    /// Whether a contest ends as soon as its verdict can no longer change.
    public var curtail = true
    /// The chance, in 1e-9, with which a contest may end on evidence that the full slate would contradict; nil to end it only
    /// when the verdict is certain.
    public var alphaNano: Int64?
    /// How many scores of an environment may yet turn out to be void: a contest ends early only once its verdict stands
    /// without them.
    public var voidAllowance: Int64 = 0
    /// A challenger's gain also has to exceed the margin after so many standard errors are taken from it; nil to ask for no
    /// more than the margin.
    public var confidence: ConfidenceBound?
    /// Environments that a challenger has to be dominant in, without being worse in any (`partial_pareto`); nil for all of
    /// them (`strict_margin`).
    public var minDominant: Int?
    /// How many of the next miners' evaluations may begin while a contest runs. It never changes a verdict, only when it is known.
    public var lookAhead = 1
    /// How a challenger's model is held against the champion's before its contest; nil not to.
    public var copyCheck: CopyCheckSettings?
    /// The order of a challenger's environments. It never changes a verdict, only when it is known.
    public var environmentOrder = EnvironmentOrder.auto

    public enum EnvironmentOrder: String, Sendable, CaseIterable {
        /// One after another, the one in which a copy of the champion is refuted soonest first.
        case auto
        /// One after another, in the order in which they were defined.
        case serial
        /// Side by side.
        case parallel
    }

    /// How many results of a contest are read at once, and held beside those that were put in their places.
    package var resultPage = 50_000

    public init() {}
}

/// Moves the arena from commitments to weights, one transaction a step. Any number of processes may run it: a step's
/// transaction begins with an advisory lock that ends with it.
public struct Arena: Sendable {
    let settings: ArenaSettings
    private let database: Database
    let logger: Logger
    let prepared: PreparedRecord

    public init(database: Database, settings: ArenaSettings, logger: Logger) {
        self.database = database
        self.settings = settings
        self.logger = logger
        prepared = PreparedRecord(page: settings.resultPage)
    }

    /// Does steps until one has to wait for something outside; returns what it waits for.
    @discardableResult
    public func advance() async throws -> String {
        while true {
            try Task.checkCancellation()
            let (step, isDone) = try await database.transaction(.serializable) { try takeStep(&$0) }
            guard isDone else { return step.description }
            try await database.run(RevokeEnded())
            logger.notice("arena moved", metadata: step.metadata)
        }
    }

    /// Does something that no coordinator's step may come between.
    func transact(_ body: @escaping @Sendable (inout Session) throws -> Void) async throws {
        try await database.transaction(.serializable) { session in
            _ = try session.run(WaitForArena())
            try body(&session)
        }
        try await database.run(RevokeEnded())
    }

    private func takeStep(_ session: inout Session) throws -> (ArenaStep, isDone: Bool) {
        guard try session.run(LockArena()).first == true,
            let state = try session.run(
                LoadArena(lookAhead: settings.lookAhead, checksCopies: settings.copyCheck != nil)
            ).first
        else {
            return (.wait(.anotherCoordinator), false)
        }
        let step = state.next(refreshBlocks: settings.refreshBlocks)
        switch step {
        case .wait: return (step, false)
        case .crown(let hotkey): try crown(hotkey, at: state.headBlock ?? 0, in: &session)
        case .openWindow: try openWindow(after: state.window?.id, in: &session)
        case .advanceBaseline(let window): return (step, try advanceBaseline(of: window, in: &session))
        case .openContest(let challenger): try openContest(with: challenger, in: &session)
        case .reduce(let contest): return (step, try reduce(contest, in: &session))
        case .evaluateAhead(let hotkey): try evaluateAhead(hotkey, in: &session)
        case .dropAhead(let evaluation): try dropAhead(evaluation, in: &session)
        case .askCopyCheck(let hotkey):
            if let check = settings.copyCheck { try askCopyCheck(of: hotkey, check, in: &session) }
        case .judgeCopyCheck(let hotkey):
            if let check = settings.copyCheck { try judgeCopyCheck(of: hotkey, check, in: &session) }
        }
        return (step, true)
    }
}

/// Key of the advisory lock that the arena's steps share: the ASCII bytes of `arena`.
private struct LockArena: Statement {
    static let sql = "SELECT pg_try_advisory_xact_lock(418531077729)"

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

private struct WaitForArena: Statement {
    static let sql = "SELECT pg_advisory_xact_lock(418531077729)"
}

private struct LoadArena: Statement {
    static let sql = """
        SELECT (SELECT max(number) FROM affine.chain_block),
               (SELECT hotkey FROM affine.miner WHERE state = 'champion'),
               head.hotkey, CASE WHEN $2 AND w.state = 'open' AND head.hotkey IS NOT NULL
                            THEN affine.copy_check_state(w.baseline_evaluation, head.hotkey) END,
               (SELECT count(*) FROM affine.environment WHERE enabled),
               (SELECT id FROM affine.contest WHERE state = 'running'),
               k.paused_reason IS NOT NULL, k.rotate_reason IS NOT NULL,
               (SELECT q.hotkey FROM (
                    SELECT hotkey, first_block FROM affine.miner WHERE state = 'pending' AND not_before <= clock_timestamp()
                    ORDER BY first_block, hotkey LIMIT $1) AS q
                WHERE NOT EXISTS (SELECT FROM affine.evaluation r
                                  WHERE r.window_id = w.id AND r.hotkey = q.hotkey AND r.state = 'running')
                ORDER BY q.first_block, q.hotkey LIMIT 1),
               (SELECT min(r.id) FROM affine.evaluation r
                JOIN affine.miner m ON m.hotkey = r.hotkey JOIN affine.commitment c ON c.id = m.commitment
                WHERE r.state = 'running' AND affine.is_ahead(r)
                  AND (m.state <> 'pending' OR (c.model, c.revision) <> (r.model, r.revision))),
               w.id, w.state::text, w.opened_block, e.state = 'complete'
        FROM affine.arena_control k
        LEFT JOIN affine.task_window w ON w.state <> 'closed'
        LEFT JOIN affine.evaluation e ON e.id = w.baseline_evaluation
        LEFT JOIN LATERAL (
            SELECT hotkey FROM affine.miner WHERE state = 'pending' AND not_before <= clock_timestamp()
              AND (benchmark IS NULL OR EXISTS (SELECT FROM affine.miner WHERE state = 'champion'))
            ORDER BY first_block, hotkey LIMIT 1) AS head ON true
        """

    var lookAhead: Int
    var checksCopies: Bool

    func bind(_ bindings: inout Bindings) {
        bindings.append(Int64(lookAhead))
        bindings.append(checksCopies)
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> ArenaState {
        var state = ArenaState()
        state.headBlock = try row.next()
        state.champion = try row.next()
        state.queueHead = try row.next()
        let check: String? = try row.next()
        state.copyCheck = check.flatMap(ArenaState.CopyCheck.init)
        state.enabledEnvironments = try Int(row.next(Int64.self))
        state.runningContest = try row.next()
        state.isPaused = try row.next()
        state.isRotationAsked = try row.next()
        state.nextAhead = try row.next()
        state.vainEvaluation = try row.next()
        let id: WindowID? = try row.next()
        let phase: String? = try row.next()
        let openedBlock: Int64? = try row.next()
        let isComplete: Bool? = try row.next()
        if let id, let openedBlock, let phase = phase.flatMap(ArenaState.Window.Phase.init) {
            state.window = .init(
                id: id, phase: phase, openedBlock: openedBlock, baselineIsComplete: isComplete ?? false)
        }
        return state
    }
}
