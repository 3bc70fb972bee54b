internal import Postgres

/// One row of `ops.database_health`.
public struct HealthFinding: Hashable, Sendable, Encodable {
    public enum Level: String, Sendable, Encodable {
        case ok
        /// Better otherwise, but nothing is broken.
        case advice
        /// Somebody has to act.
        case wrong
    }

    public var check: String
    /// Whom or what it is about: a session, a table, a setting.
    public var subject: String?
    public var value: Double?
    public var unit: String?
    public var level: Level
    public var detail: String

    public init(
        check: String, subject: String? = nil, value: Double? = nil, unit: String? = nil, level: Level, detail: String
    ) {
        self.check = check
        self.subject = subject
        self.value = value
        self.unit = unit
        self.level = level
        self.detail = detail
    }
}

struct ShowDatabaseHealth: Statement {
    static let sql = """
        SELECT check_name, subject, value, unit, level, detail FROM ops.database_health
        ORDER BY array_position(ARRAY['wrong', 'advice', 'ok'], level), check_name, subject
        """

    static func decode(_ row: inout RowReader) throws(PostgresError) -> HealthFinding {
        let check: String = try row.next()
        let subject: String? = try row.next()
        let value: Double? = try row.next()
        let unit: String? = try row.next()
        let level: String = try row.next()
        guard let level = HealthFinding.Level(rawValue: level) else {
            throw PostgresError(.decoding, "ops.database_health has the unknown level '\(level)'")
        }
        return HealthFinding(
            check: check, subject: subject, value: value, unit: unit, level: level, detail: try row.next())
    }
}
