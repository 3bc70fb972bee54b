public import Digest
public import Domain
public import Postgres
internal import Records

/// What the files hold that a closed window was archived to.
public struct WindowArchive: Hashable, Sendable {
    public var contests: Int64
    public var attempts: Int64
    /// Of each file.
    public var contestsDigest: SHA256Digest
    public var attemptsDigest: SHA256Digest

    public init(contests: Int64, attempts: Int64, contestsDigest: SHA256Digest, attemptsDigest: SHA256Digest) {
        self.contests = contests
        self.attempts = attempts
        self.contestsDigest = contestsDigest
        self.attemptsDigest = attemptsDigest
    }
}

/// Takes the attempts of closed windows out of the history, and back into it. Verdicts, certificates and sums stay.
public struct WindowArchives: Sendable {
    public let database: Database
    private let actor: String

    /// How often the lock is asked for that a table takes to leave; each time for two seconds.
    private static let mostTries = 20

    /// - Parameter database: With a login that owns the tables.
    public init(database: Database, actor: String = "operator") {
        self.database = database
        self.actor = actor
    }

    /// The table of a window's attempts.
    public static func table(of window: WindowID) -> String { "affine.attempt_window_\(window)" }

    /// Sums what dashboards ask of the window's attempts.
    ///
    /// - Parameter grace: How long after its end a report may still be on its way into the database.
    /// - Returns: How many attempts there are.
    /// - Throws: `ArchiveRefusal` where the window is open, archived, closed only just now, or none.
    public func prepare(_ window: WindowID, grace: Duration = .seconds(120)) async throws -> Int64 {
        try await explaining {
            try await SumEnded.all(in: database)
            return try await database.run(Prepare(window: window, grace: grace)).first ?? 0
        }
    }

    /// Takes the window's attempts out of the history, once the files are written.
    ///
    /// Whoever reads attempts at this moment keeps the table in its place: then it is tried again, and nobody waits behind us
    /// for longer than a try takes.
    ///
    /// - Parameters:
    ///   - drop: Whether their table goes as well.
    ///   - pause: Between two tries, so that those who waited get their turn.
    /// - Throws: `ArchiveRefusal` where somebody reads all along, such as a backup.
    public func detach(
        _ window: WindowID, into archive: WindowArchive, drop: Bool,
        pause: () async throws -> Void = { try await Task.sleep(for: .seconds(1)) }
    ) async throws {
        let event = RecordEvent(
            actor: actor, kind: "window.archived", subject: "window \(window)",
            detail: """
                {"contests":\(archive.contests),"attempts":\(archive.attempts),"dropped":\(drop),\
                "contests_digest":"\(archive.contestsDigest)","attempts_digest":"\(archive.attemptsDigest)"}
                """)
        for attempt in 1...Self.mostTries {
            do {
                return try await explaining {
                    try await database.transaction { session in
                        _ = try session.run(Detach(window: window, archive: archive))
                        if drop { try session.execute("DROP TABLE \(Self.table(of: window))") }
                        _ = try session.run(event)
                    }
                }
            } catch let error as PostgresError where error.sqlState == "55P03" {
                guard attempt < Self.mostTries else {
                    throw ArchiveRefusal(
                        description: "others read affine.attempt all along: \(Self.mostTries) tries got no lock on it")
                }
                try await pause()
            }
        }
    }

    /// Windows that are closed and not archived, the oldest first, without the newest so many of all that are closed.
    public func closed(but newest: Int) async throws -> [WindowID] {
        try await database.run(ListClosed(newest: Int64(newest)))
    }

    /// What a window was archived to, and whether the table of its attempts is still there; nil for one that is not archived.
    public func archive(of window: WindowID) async throws -> (archive: WindowArchive, hasTable: Bool)? {
        try await database.run(FindArchive(window: window)).first
    }

    /// Brings a window's attempts back from their table.
    ///
    /// - Returns: How many there are.
    /// - Throws: `ArchiveRefusal` where these are not as many as were archived.
    public func attach(_ window: WindowID) async throws -> Int64 {
        try await explaining {
            try await database.transaction { session in
                let attempts = try session.run(Attach(window: window)).first ?? 0
                _ = try session.run(
                    RecordEvent(
                        actor: actor, kind: "window.restored", subject: "window \(window)",
                        detail: #"{"attempts":\#(attempts)}"#))
                return attempts
            }
        }
    }

    private func explaining<Value>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as PostgresError where error.sqlState == "AF007" {
            throw ArchiveRefusal(description: error.message)
        }
    }
}

/// Why a window is not archived or brought back.
public struct ArchiveRefusal: Error, CustomStringConvertible {
    public let description: String
}

private struct Prepare: Statement {
    static let sql = "SELECT affine.prepare_archive($1, make_interval(secs => $2))"
    var window: WindowID
    var grace: Duration

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(grace / .seconds(1))
    }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct Detach: Statement {
    static let sql = "SELECT affine.detach_window($1, $2, $3, decode($4, 'hex'), decode($5, 'hex'))"
    var window: WindowID
    var archive: WindowArchive

    func bind(_ bindings: inout Bindings) {
        bindings.append(window)
        bindings.append(archive.contests)
        bindings.append(archive.attempts)
        bindings.append(archive.contestsDigest.hex)
        bindings.append(archive.attemptsDigest.hex)
    }
}

private struct ListClosed: Statement {
    static let sql = """
        SELECT w.id FROM affine.task_window w
        WHERE w.state = 'closed' AND NOT EXISTS (SELECT FROM affine.window_archive a WHERE a.window_id = w.id)
          AND w.id NOT IN (SELECT n.id FROM affine.task_window n WHERE n.state = 'closed' ORDER BY n.id DESC LIMIT $1)
        ORDER BY w.id
        """
    var newest: Int64
    func bind(_ bindings: inout Bindings) { bindings.append(newest) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> WindowID { try row.next() }
}

private struct FindArchive: Statement {
    static let sql = """
        SELECT contests, attempts, contests_digest, attempts_digest, affine.attempt_partition(window_id) IS NOT NULL
        FROM affine.window_archive WHERE window_id = $1
        """
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }

    static func decode(
        _ row: inout RowReader
    ) throws(PostgresError) -> (archive: WindowArchive, hasTable: Bool) {
        let (contests, attempts): (Int64, Int64) = (try row.next(), try row.next())
        let digests: ([UInt8], [UInt8]) = (try row.next(), try row.next())
        guard let first = SHA256Digest(bytes: digests.0), let second = SHA256Digest(bytes: digests.1) else {
            throw PostgresError(.decoding, "a digest of affine.window_archive has not 32 bytes")
        }
        let archive = WindowArchive(
            contests: contests, attempts: attempts, contestsDigest: first, attemptsDigest: second)
        return (archive, try row.next())
    }
}

private struct Attach: Statement {
    static let sql = "SELECT affine.attach_window($1)"
    var window: WindowID
    func bind(_ bindings: inout Bindings) { bindings.append(window) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
