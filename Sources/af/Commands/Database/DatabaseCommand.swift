import ArgumentParser
import Domain
import Migrating
import Migrations
import Postgres

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "Bring the database to this program's schema, or look at it.",
        subcommands: [Migrate.self, Status.self, Backup.self, Restore.self, Reset.self])

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Apply every migration that is missing.")
        @OptionGroup var options: CommonOptions

        func run() async throws {
            try await withOwner(options) { migrator, database in
                let applied = try await migrator.migrate(database)
                if options.json {
                    try Output.json(["applied": applied.map { "\($0.number) \($0.name)" }])
                } else if applied.isEmpty {
                    print("the schema is up to date")
                } else {
                    for migration in applied { print("applied \(migration.number) \(migration.name)") }
                }
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show each migration and whether it was applied.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await withOwner(list.common) { migrator, database in
                let rows = try await migrator.status(database).map { status in
                    JSONValue.object([
                        "number": .integer(Int64(status.number)), "name": .string(status.name),
                        "state": .string(Self.words(status.state)),
                    ])
                }
                try Output.rows(rows, columns: ["number", "name", "state"], as: list.format, empty: "no migrations")
            }
        }

        private static func words(_ state: MigrationStatus.State) -> String {
            switch state {
            case .pending: "pending"
            case .applied(let moment): "applied \(moment)"
            case .changed(let expected, let found): "changed: database has \(expected), program has \(found)"
            case .unknown: "unknown to this program"
            }
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete everything Affine stored in the database, and migrate anew.")
        @OptionGroup var options: CommonOptions
        @Flag(help: "Needed: all history is lost.")
        var yes = false

        func validate() throws {
            guard yes else { throw ValidationError("reset deletes all history: say --yes if that is meant") }
        }

        func run() async throws {
            try await withOwner(options) { migrator, database in
                try await migrator.reset(database, schemas: Backend.schemas)
                try await migrator.migrate(database)
                if options.json { try Output.json(["reset": true]) } else { print("the database is empty") }
            }
        }
    }

    private static func withOwner(
        _ options: CommonOptions, _ body: (Migrator, Database) async throws -> Void
    ) async throws {
        try await Backend.withOwner(options) { database in
            try await body(Migrator(migrations: Catalogue.migrations, logger: options.logger), database)
        }
    }
}
