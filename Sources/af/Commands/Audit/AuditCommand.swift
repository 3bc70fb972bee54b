import ArgumentParser
import Domain
import Rules

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Compare what two validators found.", subcommands: [AuditDiffCommand.self])
}

struct AuditDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare two exports of the same contests.",
        discussion: """
            A and B are files of 'af contest export', such as one window from two validators. Contests are matched by \
            champion and challenger. Shown are, per environment, on how many tasks both have the same result and how far \
            scores are apart; the first results that differ; and what A's scores come to under B's rule, and the other way \
            round. Exits with 1 when anything differs. No database is needed.
            """)
    @Flag(help: "Print JSON instead of text.")
    var json = false

    @Option(help: "How many differing results to show.")
    var rows = 10

    @Argument(help: ArgumentHelp("The first export (- for standard input).", valueName: "a"))
    var first: String

    @Argument(help: ArgumentHelp("The second export.", valueName: "b"))
    var second: String

    func validate() throws {
        guard rows >= 0 else { throw ValidationError("--rows '\(rows)' is not valid: expected 0 or more") }
    }

    func run() async throws {
        let report = AuditReport(try await ArchiveFile.read(first), try await ArchiveFile.read(second), rows: rows)
        if json { try Output.json(report) } else { report.printText() }
        guard report.agrees else { throw ExitCode.failure }
    }
}
