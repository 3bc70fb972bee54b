/// Why the database did not do what was asked, and whether asking again may help.
public struct PostgresError: Error, Hashable, Sendable {
    public enum Code: String, Sendable {
        /// The connection string could not be read.
        case invalidSettings
        /// No connection could be opened.
        case connectionFailed
        /// An open connection broke; whether a statement under way took effect is unknown.
        case connectionLost
        /// The server committed, but somebody ended its wait for a synchronous standby: one that takes its place may not know of it.
        case unreplicated
        /// The server refused; see `sqlState`.
        case serverError
        /// A column was not of the type, or a value not of the form, that the Swift type wants.
        case decoding
        /// The task was cancelled before or during the statement.
        case cancelled
        /// The server gave up after its statement timeout.
        case timedOut
        /// The pool is closed.
        case poolClosed
    }

    public let code: Code
    public let message: String
    /// The server's five-character code, such as `23505`.
    public var sqlState: String?
    /// The name of the statement that failed.
    public var statement: String?
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    public var severity: String?
    /// May quote values of rows: for people with access to the data only.
    public var detail: String?
    public var hint: String?
    /// The constraint that was violated.
    public var constraint: String?
    /// The function of the server's source that raised the error: unlike the message it is never translated.
    var origin: String?

    public init(_ code: Code, _ message: String, statement: String? = nil, sqlState: String? = nil) {
        self.code = code
        self.message = message
        self.statement = statement
        self.sqlState = sqlState
    }

    /// Whether the same call may succeed when made again as it is.
    public var isRetryable: Bool {
        switch code {
        case .connectionFailed, .connectionLost, .unreplicated: true
        case .serverError:
            isConflict
                // out of connections, memory or disk; the server is going down or coming up
                || sqlState?.hasPrefix("53") == true || sqlState?.hasPrefix("57P0") == true
        case .invalidSettings, .decoding, .cancelled, .timedOut, .poolClosed: false
        }
    }

    /// Whether the transaction was rolled back for a reason that a fresh run does not meet: a serialization failure, a
    /// deadlock, or a plan made before the schema changed.
    public var isConflict: Bool {
        sqlState == "40001" || sqlState == "40P01" || isStalePlan
    }

    /// A serializable transaction that inserts what another, which its snapshot does not show, has inserted meanwhile, may be told
    /// of the unique constraint instead (PostgreSQL's manual, 13.5). One that broke it by itself does so again.
    func isConflict(at isolation: IsolationLevel) -> Bool {
        isConflict || (isolation == .serializable && sqlState == "23505")
    }

    /// "cached plan must not change result type".
    var isStalePlan: Bool { sqlState == "0A000" && origin == "RevalidateCachedQuery" }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without parameters and without values of rows.
    public var description: String {
        var text = "\(code.rawValue)"
        if let statement { text += " in \(statement)" }
        if let sqlState { text += " [\(sqlState)]" }
        // Messages of class 22, data exceptions, quote the offending value.
        if sqlState?.hasPrefix("22") == true {
            text += ": a value was not acceptable"
        } else {
            text += ": \(message)"
        }
        if let constraint { text += " (constraint \(constraint))" }
        if let hint { text += " (hint: \(hint))" }
        return text
    }

    /// With everything the server said, which may include values of rows.
    public var debugDescription: String {
        var text = "\(code.rawValue)"
        if let statement { text += " in \(statement)" }
        if let sqlState { text += " [\(sqlState)]" }
        text += ": \(message)"
        if let detail { text += " (detail: \(detail))" }
        if let constraint { text += " (constraint \(constraint))" }
        if let hint { text += " (hint: \(hint))" }
        return text
    }
}
