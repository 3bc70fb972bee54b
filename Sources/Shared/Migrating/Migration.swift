/// One step of the schema, frozen once it was applied anywhere.
public struct Migration: Hashable, Sendable {
    public let number: Int
    public let name: String
    /// Any number of statements, none of which may begin or end a transaction.
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

/// How a migration stands in a database.
public struct MigrationStatus: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case pending
        /// When, as the database writes it.
        case applied(at: String)
        /// Applied from a text with another checksum.
        case changed(expected: String, found: String)
        /// Applied, but this program does not have it.
        case unknown
    }

    public let number: Int
    public let name: String
    public let state: State
}

/// Why a database cannot be migrated by this program.
public struct MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The file's text is not the one that was applied.
        case changed
        /// An applied migration is not among ours.
        case missing
        /// A later migration was applied than we have: this program is too old.
        case databaseIsNewer
        /// A migration was added with a number below one that was applied.
        case addedTooLate
        /// The migration ended its transaction itself.
        case leftTransaction
    }

    public let code: Code
    public let number: Int
    public let name: String
    /// What the database has: a checksum or a number.
    public let expected: String
    /// What this program has.
    public let found: String

    public var description: String {
        let why =
            switch code {
            case .changed: "was changed after it had been applied"
            case .missing: "was applied, but this program does not have it"
            case .databaseIsNewer: "was applied by a newer program: this one is too old for the database"
            case .addedTooLate: "was added below one that has been applied: give it a higher number"
            case .leftTransaction: "must not begin or end transactions"
            }
        return "migration \(number) '\(name)' \(why)\n  database has: \(expected)\n  program has:  \(found)"
    }
}
