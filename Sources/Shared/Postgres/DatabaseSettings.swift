/// Where the database is and how it is used.
public struct DatabaseSettings: Sendable {
    /// A `postgresql://` URL or a `key=value` connection string; it may name several hosts.
    public var url: String
    public var applicationName = "affine"
    /// The most sessions a pool opens; each has a thread while it works.
    public var maximumConnections = 8
    /// For each host in turn; whole seconds, at least two.
    public var connectTimeout: Duration = .seconds(5)
    /// The longest a statement may run; zero for no limit.
    public var statementTimeout: Duration = .seconds(30)
    /// The longest a transaction may sit idle before the server ends its session; zero for no limit.
    public var idleInTransactionTimeout: Duration = .seconds(30)
    /// How long a server that was asked to cancel may take to answer before the connection is given up.
    public var cancelPatience: Duration = .seconds(2)
    /// How often a transaction is run before a conflict is passed on.
    public var transactionAttempts = 8
    /// Off behind a pooler in transaction mode, such as PgBouncer: then statements are not prepared by name, and the two
    /// timeouts hold only within transactions, because nothing may be kept in a server session.
    public var ownsServerSession = true

    public init(url: String) {
        self.url = url
    }

    /// The statements that give a new session its timeouts.
    var sessionSettings: String { Self.set("SET", statementTimeout, idleInTransactionTimeout) }

    /// The same for one transaction, where a pooler may hand us another server session for the next.
    var transactionSettings: String {
        ownsServerSession ? "" : Self.set("SET LOCAL", statementTimeout, idleInTransactionTimeout)
    }

    private static func set(_ command: String, _ statement: Duration, _ idle: Duration) -> String {
        "\(command) statement_timeout = \(statement.milliseconds);"
            + "\(command) idle_in_transaction_session_timeout = \(idle.milliseconds);"
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a short limit does not become none.
    var milliseconds: Int64 {
        components.seconds * 1000 + (components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }

    var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}

/// How much transactions see of each other.
public enum IsolationLevel: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}
