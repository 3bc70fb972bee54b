public import Domain
public import Postgres
internal import Records
internal import Rules

/// What an operator may ask of the arena. Each act needs a reason, which is recorded with who asked.
public struct ArenaControl: Sendable {
    private let database: Database
    private let actor: String

    public init(database: Database, actor: String = "operator") {
        self.database = database
        self.actor = actor
    }

    /// Nothing new begins until `resume`; what runs goes on to its end.
    public func pause(reason: String) async throws {
        try await act("arena.paused", "arena", reason) { _ = try $0.run(SetPause(reason: reason)) }
    }

    public func resume(reason: String) async throws {
        try await act("arena.resumed", "arena", reason) { _ = try $0.run(SetPause(reason: nil)) }
    }

    /// The pool is drawn anew as soon as no contest runs.
    public func rotate(reason: String) async throws {
        try await act("arena.rotation_asked", "arena", reason) { _ = try $0.run(SetRotation(reason: reason)) }
    }

    /// Ends a miner that waits.
    ///
    /// - Throws: `InvalidValue` for one that does not wait.
    public func invalidate(_ hotkey: Hotkey, reason: String) async throws {
        try await act("miner.invalidated", hotkey.rawValue, reason) { session in
            guard try session.affectedRows(InvalidateMiner(hotkey: hotkey, reason: reason)) == 1 else {
                throw InvalidValue(
                    field: "hotkey", value: hotkey.rawValue, expected: "a miner that waits in the queue ('af rank')")
            }
        }
    }

    /// Takes back that a miner was ended, unless it has met the champion.
    ///
    /// - Throws: `PostgresError` with the reason why it can't be.
    public func reinstate(_ hotkey: Hotkey, reason: String) async throws {
        try Self.check(reason)
        _ = try await database.run(Reinstate(hotkey: hotkey, actor: actor, reason: reason))
    }

    private func act(
        _ kind: String, _ subject: String, _ reason: String, _ body: @escaping @Sendable (inout Session) throws -> Void
    ) async throws {
        try Self.check(reason)
        try await database.transaction(.serializable) { session in
            try body(&session)
            _ = try session.run(RecordEvent(actor: actor, kind: kind, subject: subject, reason: reason))
        }
    }

    static func check(_ reason: String) throws(InvalidValue) {
        // The database has no text with a NUL in it.
        guard reason.contains(where: { !$0.isWhitespace }), !reason.utf8.contains(0),
            reason.unicodeScalars.count <= 1_000
        else {
            throw InvalidValue(
                field: "reason", value: String(reason.prefix(60)),
                expected: "why, for whoever reads the log later, in at most 1000 characters")
        }
    }
}

extension Arena {
    /// Ends the running contest as void: its miner returns to its place in the queue.
    ///
    /// - Throws: `InvalidValue` when the contest does not run, or its verdict is certain already.
    public func voidContest(_ id: ContestID, reason: String, actor: String = "operator") async throws {
        try ArenaControl.check(reason)
        try await transact { session in
            guard let contest = try session.run(LoadContests(contests: [id])).first, contest.state == .running else {
                throw InvalidValue(field: "contest", value: "\(id)", expected: "the contest that runs ('af rank')")
            }
            _ = try session.run(
                RecordEvent(actor: actor, kind: "contest.void_asked", subject: "contest \(id)", reason: reason))
            var reader = RecordReader()
            let (record, used) = try reader.record(of: contest, in: &session)
            let verdict = record.decide()
            guard verdict.decision == .void else {
                throw InvalidValue(
                    field: "contest", value: "\(id)",
                    expected: "a contest that is open: the results say \(verdict.decision.rawValue) for certain")
            }
            try close(contest, record, verdict, used: used, isSettled: false, in: &session)
        }
    }
}

private struct SetPause: Statement {
    static let sql = "UPDATE affine.arena_control SET paused_reason = $1"
    var reason: String?
    func bind(_ bindings: inout Bindings) { bindings.append(reason) }
}

/// Nil once the pool was drawn anew.
struct SetRotation: Statement {
    static let sql = "UPDATE affine.arena_control SET rotate_reason = $1 WHERE rotate_reason IS DISTINCT FROM $1"
    var reason: String?
    func bind(_ bindings: inout Bindings) { bindings.append(reason) }
}

private struct Reinstate: Statement {
    static let sql = "SELECT affine.reinstate($1, $2, $3)"
    var hotkey: Hotkey
    var actor: String
    var reason: String

    func bind(_ bindings: inout Bindings) {
        bindings.append(hotkey)
        bindings.append(actor)
        bindings.append(reason)
    }
}
