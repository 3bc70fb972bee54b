internal import Migrating
internal import Migrations
public import Testing

extension DatabaseTemplate {
    /// The whole schema, and nothing in it.
    public static let migrated = DatabaseTemplate("migrated") { database in
        try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
    }
}

extension Trait where Self == FreshDatabaseTrait {
    /// A migrated database for each test case.
    public static var migratedDatabase: Self { .freshDatabase(from: .migrated) }
}
