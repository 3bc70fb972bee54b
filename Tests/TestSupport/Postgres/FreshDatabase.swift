public import Logging
public import Postgres
public import Testing

/// What a test's database is cloned from. Made once per process, whoever asks first.
///
///     extension DatabaseTemplate {
///         static let migrated = DatabaseTemplate("migrated") { try await Migrator(…).migrate($0) }
///     }
public struct DatabaseTemplate: Sendable {
    let name: String
    let prepare: @Sendable (Database) async throws -> Void

    /// - Parameters:
    ///   - name: Letters, digits and underscores, one name for one content.
    ///   - prepare: Fills the new database.
    public init(_ name: String, prepare: @escaping @Sendable (Database) async throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// Nothing in it.
    public static let empty = DatabaseTemplate("empty") { _ in }
}

/// The database that one test case has for itself, from the trait `.freshDatabase`.
public struct FreshDatabase: Sendable {
    /// A pool of the superuser's.
    public let database: Database
    private let address: ConnectionString

    @TaskLocal private static var bound: FreshDatabase?

    /// For tests' services; says nothing.
    public static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// The database of the test case that runs.
    public static var current: FreshDatabase {
        guard let bound else { preconditionFailure("the test or its suite lacks the trait .freshDatabase") }
        return bound
    }

    /// A URL for libpq and psql, with another user where wanted.
    public func url(user: String? = nil) -> String {
        var address = address
        if let user { address["user"] = user }
        return address.url
    }

    /// Settings for a pool of the test's own.
    public func settings(user: String? = nil) -> DatabaseSettings { DatabaseSettings(url: url(user: user)) }

    /// Gives `body` a database of its own as `current`, for tests that compare what happens in several.
    public static func provide<T: Sendable>(
        _ template: DatabaseTemplate, _ body: () async throws -> T
    ) async throws -> T {
        await Places.ofDatabases.take()
        defer { Places.ofDatabases.give() }
        let address = try await TestServer.clone(template)
        let fresh = FreshDatabase(
            database: Database(DatabaseSettings(url: address.url), logger: logger), address: address)
        let result: Result<T, any Error>
        do { result = .success(try await $bound.withValue(fresh, operation: body)) } catch { result = .failure(error) }
        await fresh.database.close()
        try await TestServer.drop(address)
        return try result.get()
    }
}

/// Gives each test case a database of its own, and drops it afterwards.
public struct FreshDatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    let template: DatabaseTemplate
    public var isRecursive: Bool { true }

    public func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        testCase == nil ? nil : self
    }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await FreshDatabase.provide(template, function)
    }
}

extension Trait where Self == FreshDatabaseTrait {
    /// An empty database for each test case.
    public static var freshDatabase: Self { FreshDatabaseTrait(template: .empty) }

    /// A clone of a template for each test case.
    public static func freshDatabase(from template: DatabaseTemplate) -> Self { FreshDatabaseTrait(template: template) }
}
