import ArgumentParser
import Coordinator
import Domain
import Environments
import Migrating
import Migrations
import Postgres

/// One thing that was looked at.
private struct Finding: Encodable {
    var check: String
    var ok: Bool
    var detail: String
}

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what keeps Affine from working here.",
        discussion: "Exits with 1 when something is wrong.")
    @OptionGroup var options: CommonOptions

    func run() async throws {
        var findings = [await sandbox()]
        do {
            findings += try await Backend.withOwner(options) { try await database($0) }
        } catch {
            findings.append(Finding(check: "database", ok: false, detail: "\(error)"))
        }
        if options.json {
            try Output.json(findings)
        } else {
            Output.table(findings.map { [$0.ok ? "ok" : "WRONG", $0.check, $0.detail] })
        }
        guard findings.allSatisfy(\.ok) else { throw ExitCode.failure }
    }

    private func sandbox() async -> Finding {
        do {
            try await Sandbox().check()
            return Finding(check: "sandbox", ok: true, detail: "bubblewrap runs programs without network")
        } catch {
            return Finding(check: "sandbox", ok: false, detail: "\(error)")
        }
    }

    private func database(_ database: Database) async throws -> [Finding] {
        let version = try await database.run(ServerVersion()).first ?? "unknown"
        var findings = [Finding(check: "database", ok: true, detail: "PostgreSQL \(version)")]
        let migrator = Migrator(migrations: Catalogue.migrations, logger: options.logger)
        let wanting = try await migrator.status(database).filter { status in
            if case .applied = status.state { false } else { true }
        }
        findings.append(
            Finding(
                check: "schema", ok: wanting.isEmpty,
                detail: wanting.isEmpty
                    ? "every migration is applied"
                    : "not as this program wants it: \(wanting.map(\.name).joined(separator: ", ")); run 'af db migrate'"
            ))
        guard wanting.isEmpty, let health = try await Reports(database: database).queueHealth().first else {
            return findings
        }
        let overdue = health["overdue_leases"]?.integerValue ?? 0
        let silent = health["silent_workers"]?.integerValue ?? 0
        findings.append(
            Finding(
                check: "queue", ok: overdue == 0,
                detail:
                    "\(health["ready_jobs"]?.integerValue ?? 0) jobs ready, \(health["leased_jobs"]?.integerValue ?? 0) leased, "
                    + "\(overdue) leases overdue, \(health["live_workers"]?.integerValue ?? 0) workers live, \(silent) silent"
            ))
        return findings
    }
}

private struct ServerVersion: Statement {
    static let sql = "SHOW server_version"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
