import Coordinator
import Digest
import Domain
import Environments
import FoundationEssentials
import HTTPClient
import Logging
import Migrating
import Migrations
import Postgres
import Rules

/// What the demo does, step by step.
struct DemoRun: Sendable {
    let options: CommonOptions
    let models: DemoCommand.Models
    let seed: UInt64
    let tasks: Int32?
    let workers: Int
    let curtail: Bool

    private static let block: Int64 = 1_000

    func run(since started: ContinuousClock.Instant) async throws -> DemoReport {
        let logger = options.logger
        try await Sandbox().check()
        try await emptyDatabase(logger: logger)
        return try await Backend.with(options) { backend in
            try await Interruption.ending {
                try await DemoModels.serving(models, folder: options.resolvedDataFolder, logger: logger) {
                    contestants in
                    try await prepare(backend.database, contestants)
                    let contest = try await play(backend, contestants, logger: logger)
                    return try await report(on: contest, backend.database, since: started)
                }
            }
        }
    }

    /// Starts afresh, unless the folder holds something that no demo wrote.
    private func emptyDatabase(logger: Logger) async throws {
        let folder = options.resolvedDataFolder
        try await Backend.withOwner(options) { database in
            let migrator = Migrator(migrations: Catalogue.migrations, logger: logger)
            try await migrator.migrate(database)
            guard try await database.run(HoldsRealHistory()).first != true else {
                throw CommandError(
                    "'\(folder)' holds real history, which a demo would delete: use --data with another folder")
            }
            try await migrator.reset(database, schemas: Backend.schemas)
        }
    }

    private func prepare(_ database: Database, _ contestants: [DemoContestant]) async throws {
        try await database.run(MarkDemo())
        try await EnvironmentCatalogue(database: database).define(models.environments(tasks: tasks), actor: "demo")
        let intake = MinerIntake(database: database)
        for (place, contestant) in contestants.enumerated() {
            try await intake.admit(
                hotkey: contestant.hotkey, model: contestant.model, block: Int64(place + 1), uid: Int32(place + 1),
                actor: "demo")
        }
        let hash = try BlockHash(SHA256Digest(of: "affine/demo/\(seed)").hex)
        try await ChainBlocks(database: database).observe(Block(number: Self.block, hash: hash), actor: "demo")
    }

    /// Coordinator in this process, workers in processes of their own, until the contest is over.
    private func play(_ backend: Backend, _ contestants: [DemoContestant], logger: Logger) async throws -> ContestID {
        var settings = ArenaSettings()
        settings.curtail = curtail
        // What is shown is what the one contest needs.
        settings.lookAhead = 0
        let coordinator = CoordinatorService(
            database: backend.database, settings: settings, http: HTTPClient(), logger: logger)
        let processes = WorkerProcesses(
            databaseURL: backend.workerURL ?? "", endpoints: contestants.map(\.endpoint), count: workers,
            concurrency: models.concurrency, logFolder: options.resolvedDataFolder)
        return try await withThrowingTaskGroup(of: ContestID?.self) { group in
            group.addTask {
                try await coordinator.run()
                return nil
            }
            for number in 1...workers {
                group.addTask {
                    try await processes.keepRunning(number)
                    return nil
                }
            }
            let progress = DemoProgress(reports: Reports(database: backend.database), contestants: contestants)
            group.addTask { try await progress.untilDecided() }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let contest = ended { return contest }
            }
            throw CommandError("the demo was stopped before its contest was decided")
        }
    }

    private func report(
        on id: ContestID, _ database: Database, since started: ContinuousClock.Instant
    ) async throws -> DemoReport {
        let reports = Reports(database: database)
        let replay = try await ContestHistory(database: database).replay(id)
        let contest = try await reports.contest(id).first ?? .null
        let jobs = try await database.run(CountJobs()).first ?? DemoReport.Jobs(planned: 0, run: 0, cancelled: 0)
        let rank = try await reports.rank().first ?? .null
        let elapsed = (ContinuousClock.now - started) / .milliseconds(100)
        return DemoReport(
            contest: id, verdict: contest["verdict"]?.stringValue ?? "",
            digest: contest["evidence_digest"]?.stringValue ?? "",
            outcomeDigest: contest["outcome_digest"]?.stringValue ?? "",
            replay: .init(match: replay.match, digest: replay.digest), jobs: jobs, seconds: elapsed.rounded() / 10,
            seed: seed,
            reasons: contest["reasons"]?.arrayValue?.compactMap(\.stringValue) ?? [],
            champion: rank["champion"]?["model"]?.stringValue ?? "", difference: replay.difference)
    }
}

private struct MarkDemo: Statement {
    static let sql = "INSERT INTO affine.event (actor, kind, subject) VALUES ('demo', 'demo.started', '')"
}

private struct HoldsRealHistory: Statement {
    static let sql = """
        SELECT EXISTS (SELECT FROM affine.event WHERE actor NOT IN ('demo', 'coordinator') AND actor NOT LIKE 'worker %')
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Bool { try row.next() }
}

private struct CountJobs: Statement {
    static let sql = """
        SELECT sum(planned)::int8, sum(finished)::int8, COALESCE(sum(planned - finished) FILTER (WHERE state = 'cancelled'), 0)::int8
        FROM ops.evaluation_progress
        """
    static func decode(_ row: inout RowReader) throws(PostgresError) -> DemoReport.Jobs {
        try DemoReport.Jobs(planned: row.next(), run: row.next(), cancelled: row.next())
    }
}
