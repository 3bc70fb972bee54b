import Domain
import Migrating
import Migrations
import Postgres
import TestSupport
import Testing

extension DatabaseTemplate {
    /// The whole schema with one window open, one champion, and no evaluation; workers may log in.
    static let arena = DatabaseTemplate("worker_arena") { database in
        try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
        try await database.withSession { try $0.execute(Board.arena) }
    }
}

extension Trait where Self == FreshDatabaseTrait {
    static var arena: Self { .freshDatabase(from: .arena) }
}

/// The queue as a test sees it.
struct Board: Sendable {
    struct Attempt: Equatable, Sendable {
        var position: Int32
        var attempt: Int16
        var isFinal: Bool
        var outcome: String
        var score: Int64?
        var code: String?
    }

    /// How an environment is to be run.
    struct Order: Sendable {
        var name = "abd"
        var kind = "builtin"
        var baseURL: String?
        /// A JSON document.
        var container: String?
        var bounds = (lo: 0, hi: 1)
        var timeout: Duration = .seconds(20)
        var maximumAttempts = 2
        var runLength = 1
        var tasks: ClosedRange<Int64> = 1...1
        var parameters = "{}"
    }

    static let repository = "owner/name"
    static let revision = String(repeating: "a", count: 40)
    static let arena = """
        ALTER ROLE affine_worker LOGIN;
        INSERT INTO affine.chain_block (number, hash) VALUES (1, sha256('block'));
        INSERT INTO affine.rule (digest, document) VALUES (sha256('{}'), '{}');
        INSERT INTO affine.commitment (hotkey, model, revision, block)
        VALUES (repeat('A', 48), '\(repository)', '\(revision)', 1);
        INSERT INTO affine.miner (hotkey, commitment, first_block) SELECT hotkey, id, block FROM affine.commitment;
        INSERT INTO affine.task_window (id, opened_block, rule_digest) VALUES (1, 1, sha256('{}'));
        SELECT affine.open_attempt_partition(1);
        """

    let database = FreshDatabase.current.database

    /// Makes an evaluation with one environment, all of whose tasks are ready.
    func plan(_ order: Order = Order()) async throws {
        let milliseconds = order.timeout / .milliseconds(1)
        let url = order.baseURL.map { "'\($0)'" } ?? "NULL"
        let container = order.container.map { "'\($0)'" } ?? "NULL"
        try await execute(
            """
            INSERT INTO affine.environment (name, kind, base_url, margin_nano, sampling_count, dataset_ranges)
            VALUES ('\(order.name)', 'builtin', NULL, 0, 1, '{[0,100)}');
            INSERT INTO affine.window_environment
            SELECT 1, id, '\(order.kind)', \(url), \(order.bounds.lo) * 1000000000, \(order.bounds.hi) * 1000000000, 0, 1,
                   \(Int(milliseconds)), 0, \(order.maximumAttempts), \(order.runLength), '\(order.parameters)', dataset_ranges,
                   selection, \(container)
            FROM affine.environment WHERE name = '\(order.name)';
            INSERT INTO affine.evaluation (window_id, hotkey, model, revision, deadline_at)
            VALUES (1, repeat('A', 48), '\(Self.repository)', '\(Self.revision)', now() + interval '1 day');
            INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
            SELECT e.id, n.id, ARRAY(SELECT generate_series(\(order.tasks.lowerBound), \(order.tasks.upperBound))),
                   \(order.tasks.count)
            FROM affine.evaluation e CROSS JOIN affine.environment n WHERE n.name = '\(order.name)';
            SELECT affine.enqueue(id) FROM affine.evaluation;
            """)
    }

    /// Makes an evaluation of another miner's model, in an environment that there is after the first of these.
    func plan(model: String, tasks: ClosedRange<Int64>, isAhead: Bool = false) async throws {
        try await execute(
            """
            INSERT INTO affine.environment (name, kind, margin_nano, sampling_count, dataset_ranges)
            VALUES ('abd', 'builtin', 0, 1, '{[0,100)}') ON CONFLICT DO NOTHING;
            INSERT INTO affine.window_environment
            SELECT 1, id, 'builtin', NULL, 0, 1000000000, 0, 1, 20000, 0, 2, 1, '{}', dataset_ranges, selection
            FROM affine.environment WHERE name = 'abd' ON CONFLICT DO NOTHING;
            WITH hotkey AS (SELECT rpad('B', 48, (1 + (SELECT count(*) FROM affine.miner))::text) AS name),
            committed AS (
                INSERT INTO affine.commitment (hotkey, model, revision, block)
                SELECT name, '\(model)', '\(Self.revision)', 1 FROM hotkey RETURNING id, hotkey, block),
            admitted AS (
                INSERT INTO affine.miner (hotkey, commitment, first_block) SELECT hotkey, id, block FROM committed),
            evaluation AS (
                INSERT INTO affine.evaluation (window_id, hotkey, model, revision, deadline_at, planned_ahead)
                SELECT 1, name, '\(model)', '\(Self.revision)', now() + interval '1 day', \(isAhead) FROM hotkey RETURNING id)
            INSERT INTO affine.evaluation_environment (evaluation, environment, task_ids, planned)
            SELECT e.id, n.id, ARRAY(SELECT generate_series(\(tasks.lowerBound), \(tasks.upperBound))), \(tasks.count)
            FROM evaluation e CROSS JOIN affine.environment n WHERE n.name = 'abd';
            SELECT affine.enqueue(max(id)) FROM affine.evaluation;
            """)
    }

    func execute(_ sql: String) async throws {
        try await database.withSession { try $0.execute(sql) }
    }

    /// In the order of their jobs.
    func attempts() async throws -> [Attempt] { try await database.run(ListAttempts()) }

    func finals() async throws -> [Attempt] { try await attempts().filter(\.isFinal) }

    /// Jobs that wait, with the number of the try they wait for.
    func ready() async throws -> [Int32: Int16] {
        Dictionary(try await database.run(ListReady()).map { ($0.position, $0.attempt) }) { first, _ in first }
    }

    /// The one number that a query gives.
    func count(_ sql: String) async throws -> Int64 {
        let text = try await database.run(AskNumber(question: sql)).first
        return try #require(text)
    }

    /// The one text that a query gives.
    func text(_ sql: String) async throws -> String {
        let text = try await database.run(AskText(question: sql)).first
        return try #require(text)
    }

    func untilFinished(_ jobs: Int) async throws {
        try await eventually("\(jobs) jobs are finished") { try await finals().count >= jobs }
    }
}

private struct ListAttempts: Statement {
    static let sql = """
        SELECT position, attempt, final, outcome::text, score_nano, error_code FROM affine.attempt ORDER BY position, attempt
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Board.Attempt {
        try Board.Attempt(
            position: row.next(), attempt: row.next(), isFinal: row.next(), outcome: row.next(), score: row.next(),
            code: row.next())
    }
}

private struct ListReady: Statement {
    static let sql = "SELECT p, attempt FROM affine.ready, generate_series(from_position, to_position) AS p ORDER BY p"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> (position: Int32, attempt: Int16) {
        try (row.next(), row.next())
    }
}

/// Lets the server run the query that a test wrote down.
private struct AskNumber: Statement {
    static let sql =
        "SELECT (xpath('//n/text()', query_to_xml('SELECT (' || $1 || ') AS n', false, true, '')))[1]::text::int8"
    var question: String
    func bind(_ bindings: inout Bindings) { bindings.append(question) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct AskText: Statement {
    static let sql =
        "SELECT (xpath('//n/text()', query_to_xml('SELECT (' || $1 || ') AS n', false, true, '')))[1]::text"
    var question: String
    func bind(_ bindings: inout Bindings) { bindings.append(question) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next(String?.self) ?? "" }
}
