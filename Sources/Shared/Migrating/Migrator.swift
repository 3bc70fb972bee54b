public import Logging
public import Postgres

/// Brings a database to the schema this program knows, forward only.
public struct Migrator: Sendable {
    private let migrations: [Migration]
    private let logger: Logger

    /// - Parameter migrations: In any order; numbers must differ.
    public init(migrations: [Migration], logger: Logger) {
        self.migrations = migrations.sorted { $0.number < $1.number }
        self.logger = logger
        precondition(Set(migrations.map(\.number)).count == migrations.count, "two migrations have the same number")
    }

    /// Applies what is pending, each migration in a transaction of its own, and returns it. Safe to be called by several
    /// at once: each then finds what the others have applied.
    ///
    /// - Throws: `MigrationError` when what was applied is not what we have; nothing is applied then.
    @discardableResult
    public func migrate(_ database: Database) async throws -> [Migration] {
        var applied: [Migration] = []
        while true {
            let next = try await database.transaction { session in try applyNext(&session) }
            guard let migration = next else { return applied }
            logger.notice(
                "migration applied",
                metadata: ["migration.number": "\(migration.number)", "migration.name": .string(migration.name)])
            applied.append(migration)
        }
    }

    /// How each migration stands, ours and the database's, without changing anything.
    public func status(_ database: Database) async throws -> [MigrationStatus] {
        try await database.transaction(.repeatableRead) { session in
            let entries = try session.run(Ledger.Exists()) == [true] ? try session.run(Ledger.Applied()) : []
            let checksums = try session.run(Ledger.Checksums(texts: migrations.map(\.sql)))
            let known = zip(migrations, checksums).map { migration, checksum in
                let entry = entries.first { $0.number == migration.number }
                let state: MigrationStatus.State =
                    switch entry {
                    case nil: .pending
                    case let entry? where entry.checksum != checksum:
                        .changed(expected: entry.checksum, found: checksum)
                    case let entry?: .applied(at: entry.appliedAt)
                    }
                return MigrationStatus(number: migration.number, name: migration.name, state: state)
            }
            let numbers = Set(migrations.map(\.number))
            let unknown = entries.filter { !numbers.contains($0.number) }
                .map { MigrationStatus(number: $0.number, name: $0.name, state: .unknown) }
            return (known + unknown).sorted { $0.number < $1.number }
        }
    }

    /// Drops the schemas given, with all they hold, and the memory of what was applied.
    public func reset(_ database: Database, schemas: [String]) async throws {
        try await database.transaction { session in
            try session.execute(Ledger.unhurried)
            try session.execute(Ledger.lock)
            for schema in schemas + ["affine_migrations"] {
                let quoted = schema.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                try session.execute("DROP SCHEMA IF EXISTS \"\(quoted)\" CASCADE")
            }
        }
        logger.notice("database reset", metadata: ["database.schemas": .string(schemas.joined(separator: ","))])
    }

    /// Compares, and applies the first pending migration; nil when there is none.
    private func applyNext(_ session: inout Session) throws -> Migration? {
        // A migration may change roles or settings, which must not reach the pool's next user.
        session.discard()
        try session.execute(Ledger.unhurried)
        try session.execute(Ledger.lock)
        try session.execute(Ledger.create)
        let entries = try session.run(Ledger.Applied())
        try compare(entries, checksums: session.run(Ledger.Checksums(texts: migrations.map(\.sql))))
        guard entries.count < migrations.count else { return nil }
        let next = migrations[entries.count]
        let before = try session.run(Ledger.CurrentTransaction())
        let clock = ContinuousClock()
        let duration = try clock.measure { try session.execute(next.sql) }
        let after = try session.run(Ledger.CurrentTransaction())
        guard before == after else {
            throw MigrationError(
                code: .leftTransaction, number: next.number, name: next.name, expected: "one transaction",
                found: "several")
        }
        try session.run(Ledger.Record(migration: next, seconds: duration / .seconds(1)))
        return next
    }

    /// What was applied must be the beginning of what we have.
    private func compare(_ entries: [Ledger.Entry], checksums: [String]) throws(MigrationError) {
        let last = migrations.last?.number ?? 0
        for entry in entries {
            guard let index = migrations.firstIndex(where: { $0.number == entry.number }) else {
                throw MigrationError(
                    code: entry.number > last ? .databaseIsNewer : .missing, number: entry.number, name: entry.name,
                    expected: entry.checksum, found: "no migration \(entry.number), the last is \(last)")
            }
            let migration = migrations[index]
            guard migration.name == entry.name, checksums[index] == entry.checksum else {
                throw MigrationError(
                    code: .changed, number: entry.number, name: entry.name, expected: "\(entry.checksum) \(entry.name)",
                    found: "\(checksums[index]) \(migration.name)")
            }
        }
        for (index, entry) in entries.enumerated() where migrations[index].number != entry.number {
            let added = migrations[index]
            throw MigrationError(
                code: .addedTooLate, number: added.number, name: added.name, expected: "\(entry.number) \(entry.name)",
                found: "\(added.number) \(added.name)")
        }
    }
}
