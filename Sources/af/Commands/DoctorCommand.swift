import ArgumentParser
import Coordinator
import Domain
import Environments
import FoundationEssentials
import Migrating
import Migrations
import Postgres

/// One thing that was looked at, as it is printed.
private struct Finding: Encodable {
    var check: String
    var subject: String?
    var ok: Bool
    var level: HealthFinding.Level
    var value: Double?
    var unit: String?
    var detail: String

    init(_ finding: HealthFinding) {
        check = finding.check
        subject = finding.subject
        ok = finding.level != .wrong
        level = finding.level
        value = finding.value
        unit = finding.unit
        detail = finding.detail
    }

    var cells: [String] {
        let measured = value.map { Self.short($0) + (unit.map { " \($0)" } ?? "") } ?? ""
        return [level == .wrong ? "WRONG" : level.rawValue, check, subject ?? "", measured, detail]
    }

    /// Counts without a fraction, durations with tenths.
    private static func short(_ value: Double) -> String {
        Int64(exactly: value).map(String.init) ?? String((value * 10).rounded() / 10)
    }
}

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what keeps Affine from working here.",
        discussion: """
            Looks at the sandbox, the schema, the queue, the database's health (ops.database_health), the clocks, and workers \
            whose results differ from those of others (ops.worker_residuals). Exits with 1 when something is wrong; advice \
            alone leaves it 0.
            """,
        subcommands: [DoctorAuditCommand.self])
    @OptionGroup var options: CommonOptions

    func run() async throws {
        var findings = [await sandbox()]
        findings += await looking("database") {
            try await Backend.withOwner(options) { try await database($0) }
        }
        if options.json {
            try Output.json(findings.map(Finding.init))
        } else {
            Output.table(findings.map { Finding($0).cells })
        }
        guard findings.allSatisfy({ $0.level != .wrong }) else { throw ExitCode.failure }
    }

    /// What cannot be looked at is wrong itself, and hides nothing else.
    private func looking(_ check: String, _ body: () async throws -> [HealthFinding]) async -> [HealthFinding] {
        do { return try await body() } catch {
            return [HealthFinding(check: check, level: .wrong, detail: "\(error)")]
        }
    }

    private func sandbox() async -> HealthFinding {
        do {
            try await Sandbox().check()
            return HealthFinding(check: "sandbox", level: .ok, detail: "bubblewrap runs programs without network")
        } catch {
            return HealthFinding(check: "sandbox", level: .wrong, detail: "\(error)")
        }
    }

    private func database(_ database: Database) async throws -> [HealthFinding] {
        let version = try await database.run(ServerVersion()).first ?? "unknown"
        var findings = [HealthFinding(check: "database", level: .ok, detail: "PostgreSQL \(version)")]
        findings += await looking("clock") { [clock(try await database.clockOffset { Date().timeIntervalSince1970 })] }
        let migrated = await looking("schema") { [try await schema(database)] }
        findings += migrated
        // Without the ledger's word the views may still be there; when it says that they are not, there is no use in asking.
        guard migrated.allSatisfy({ $0.subject != Self.outdated }) else { return findings }
        findings += await looking("queue") { [try await queue(database)] }
        findings += await looking("workers") { try await workers(database) }
        findings += await looking("database_health") { try await Reports(database: database).databaseHealth() }
        return findings
    }

    private static let outdated = "migrations"

    private func schema(_ database: Database) async throws -> HealthFinding {
        let migrator = Migrator(migrations: Catalogue.migrations, logger: options.logger)
        let wanting = try await migrator.status(database).filter { status in
            if case .applied = status.state { false } else { true }
        }
        guard !wanting.isEmpty else {
            return HealthFinding(check: "schema", level: .ok, detail: "every migration is applied")
        }
        return HealthFinding(
            check: "schema", subject: Self.outdated, level: .wrong,
            detail: "not as this program wants it: \(wanting.map(\.name).joined(separator: ", ")); run 'af db migrate'")
    }

    /// Counts only: whether they are sound is for `ops.database_health` to say.
    private func queue(_ database: Database) async throws -> HealthFinding {
        let health = try await Reports(database: database).queueHealth().first
        func count(_ name: String) -> Int64 { health?[name]?.integerValue ?? 0 }
        return HealthFinding(
            check: "queue", level: .ok,
            detail: "\(count("ready_jobs")) jobs ready, \(count("leased_jobs")) leased, "
                + "\(count("live_workers")) workers live, \(count("silent_workers")) silent")
    }

    /// What a worker's machine seems to add to scores is for people to judge: no verdict is edited for it.
    private func workers(_ database: Database) async throws -> [HealthFinding] {
        try await Reports(database: database).outlyingWorkers().map { worker in
            HealthFinding(
                check: "worker_residuals", subject: "worker \(worker.name)", value: worker.z, unit: "standard errors",
                level: .advice,
                detail:
                    "its \(worker.jobs) results are off by \((worker.meanResidual * 10_000).rounded() / 10_000) on average; "
                    + "see 'af contest whatif --window \(worker.window) --drop-worker \(worker.worker)'")
        }
    }

    private func clock(_ offset: ClockOffset) -> HealthFinding {
        func milliseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1000).rounded()) }
        let measured =
            "the database's is \(milliseconds(abs(offset.seconds))) ms \(offset.seconds < 0 ? "behind" : "ahead of") "
            + "this machine's, give or take \(max(1, milliseconds(offset.uncertainty))) ms"
        return HealthFinding(
            check: "clock", subject: "this machine", value: offset.seconds, unit: "s",
            level: offset.isWrong ? .wrong : .ok,
            detail: offset.isWrong
                ? measured + "; no lease depends on it, but logs and certificates do: synchronise both" : measured)
    }
}

private struct ServerVersion: Statement {
    static let sql = "SHOW server_version"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
