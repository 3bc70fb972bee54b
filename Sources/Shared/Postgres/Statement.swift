/// One SQL statement: its text, its parameters and the shape of its rows in one place.
///
/// A type's text must not vary: a session prepares it once.
public protocol Statement: Sendable {
    associatedtype Row: Sendable = Void
    /// Names the prepared statement and every error; the type's name unless declared.
    static var name: String { get }
    static var sql: String { get }
    func bind(_ bindings: inout Bindings)
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Row
}

extension Statement {
    public static var name: String { String(describing: Self.self) }
    public func bind(_ bindings: inout Bindings) {}
}

extension Statement where Row == Void {
    public static func decode(_ row: inout RowReader) throws(PostgresError) {}
}

/// What the server says about a statement without running it.
public struct StatementDescription: Hashable, Sendable {
    public struct Column: Hashable, Sendable {
        public let name: String
        public let type: PostgresType
    }

    public let parameters: [PostgresType]
    public let columns: [Column]
}
