import ArgumentParser
import Domain
import FoundationEssentials
import Migrating
import Migrations
import Postgres
import SystemPackage

extension DatabaseCommand {
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write everything Affine stored to a file, as it stands at one moment.",
            discussion: """
                pg_dump does it, while coordinators and workers go on. The file is compressed, readable by its owner only, and \
                there only once it is whole. 'af db restore' reads it.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "A file that does not exist yet.")
        var file: String

        func run() async throws {
            guard !FileManager.default.fileExists(atPath: file) else {
                throw CommandError("'\(file)' exists already: name a file that does not")
            }
            let partial = file + ".partial"
            try Self.prepare(partial)
            do {
                try await Backend.withOwner(options) { _, url in
                    try await PostgresProgram.run(
                        "pg_dump",
                        ["--format=custom", "--file=\(partial)"] + Backend.storedSchemas.map { "--schema=\($0)" },
                        on: url)
                }
                try FileManager.default.moveItem(atPath: partial, toPath: file)
            } catch {
                try? FileManager.default.removeItem(atPath: partial)
                throw error
            }
            let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64
            try Output.record(
                .object(["file": .string(file), "bytes": .integer(Int64(size ?? 0))]), json: options.json)
        }

        /// An empty file that nobody else can read.
        private static func prepare(_ path: String) throws {
            do {
                try FileDescriptor.open(
                    FilePath(path), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite]
                ).close()
            } catch let error as Errno {
                throw CommandError("'\(path)' can't be written: \(error)")
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring back what 'af db backup' wrote, into a database that holds nothing of Affine's.",
            discussion: """
                pg_restore does it in one transaction: all of it is there afterwards, or nothing. With --data and a folder \
                that does not exist it makes a private cluster of it. 'af db migrate' then brings an older schema up to this \
                program's.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "The file.")
        var file: String

        func run() async throws {
            guard FileManager.default.isReadableFile(atPath: file) else {
                throw CommandError("'\(file)' can't be read: name a file that 'af db backup' wrote")
            }
            try await Backend.withOwner(options) { database, url in
                let found = try await database.run(FindSchemas())
                guard found.isEmpty else {
                    throw CommandError(
                        "the database holds Affine's schemas already (\(found.joined(separator: ", "))): restore into another "
                            + "database, or with --data into a folder that does not exist")
                }
                try await database.withSession { try $0.execute(Self.roles) }
                // Whoever made a ledger first keeps it: here that is this login.
                try await PostgresProgram.run(
                    "pg_restore",
                    [
                        "--single-transaction", "--exit-on-error", "--no-owner", "--role=affine_owner", "--dbname=",
                        file,
                    ],
                    on: url)
                try await database.withSession { session in
                    try session.execute(Self.ledger)
                    // A backup does not hold what the planner knows, and autovacuum never comes to the partitioned table.
                    try session.execute("SET statement_timeout = 0; ANALYZE")
                }
                let pending = try await Migrator(migrations: Catalogue.migrations, logger: options.logger)
                    .status(database).count { $0.state == .pending }
                try Output.record(
                    .object(["file": .string(file), "pending_migrations": .integer(Int64(pending))]), json: options.json
                )
            }
        }

        /// Roles are the cluster's, and rights on the database and its settings are its own: none of them is in a backup.
        private static let roles = """
            DO $$
            DECLARE
                wanted name;
            BEGIN
                FOREACH wanted IN ARRAY ARRAY['affine_owner', 'affine_coordinator', 'affine_worker', 'affine_dashboard']::name[] LOOP
                    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                    END IF;
                END LOOP;
                EXECUTE format('GRANT CREATE ON DATABASE %I TO affine_owner', current_database());
                EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
            END $$
            """

        private static let ledger = """
            DO $$
            BEGIN
                ALTER SCHEMA affine_migrations OWNER TO CURRENT_USER;
                ALTER TABLE affine_migrations.applied OWNER TO CURRENT_USER;
            END $$
            """
    }
}

private struct FindSchemas: Statement {
    static let sql = """
        SELECT nspname::text FROM pg_namespace WHERE nspname IN ('affine', 'ops', 'affine_migrations') ORDER BY 1
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
