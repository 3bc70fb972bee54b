internal import Postgres

/// What the database remembers of its migrations.
enum Ledger {
    struct Entry: Sendable {
        let number: Int
        let name: String
        let checksum: String
        let appliedAt: String
    }

    /// Serialises all who migrate a database, for the length of a transaction. The number spells AFFINE.
    static let lock = "SELECT pg_advisory_xact_lock(\(0x4146_4649_4E45))"

    /// Waiting for the lock and migrating may take as long as they take.
    static let unhurried = "SET LOCAL statement_timeout = 0"

    static let create = """
        CREATE SCHEMA IF NOT EXISTS affine_migrations;
        CREATE TABLE IF NOT EXISTS affine_migrations.applied (
            number int8 PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL CHECK (length(sha256) = 32),
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), duration interval NOT NULL)
        """

    struct Exists: Statement {
        static let sql = "SELECT to_regclass('affine_migrations.applied') IS NOT NULL"
        static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
    }

    struct Applied: Statement {
        static let sql = """
            SELECT number, name, encode(sha256, 'hex'), applied_at::text FROM affine_migrations.applied ORDER BY number
            """

        static func decode(_ row: inout RowReader) throws(PostgresError) -> Entry {
            Entry(
                number: Int(try row.next(Int64.self)), name: try row.next(), checksum: try row.next(),
                appliedAt: try row.next())
        }
    }

    /// The database computes checksums, so that they need no library here.
    struct Checksums: Statement {
        static let sql = """
            SELECT encode(sha256(convert_to(text, 'UTF8')), 'hex') FROM unnest($1) WITH ORDINALITY AS t (text, place)
            ORDER BY place
            """
        let texts: [String]
        func bind(_ bindings: inout Bindings) { bindings.append(texts) }
        static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
    }

    struct CurrentTransaction: Statement {
        static let sql = "SELECT pg_current_xact_id()::text"
        static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
    }

    struct Record: Statement {
        static let sql = """
            INSERT INTO affine_migrations.applied (number, name, sha256, duration)
            VALUES ($1, $2, sha256(convert_to($3, 'UTF8')), make_interval(secs => $4))
            """
        let migration: Migration
        let seconds: Double

        func bind(_ bindings: inout Bindings) {
            bindings.append(Int64(migration.number))
            bindings.append(migration.name)
            bindings.append(migration.sql)
            bindings.append(seconds)
        }
    }
}
