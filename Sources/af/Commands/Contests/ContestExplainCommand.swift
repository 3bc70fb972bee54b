import ArgumentParser
import Coordinator
import Domain
import Rules
import Statistics

struct ContestExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why a contest ended as it did, or how it stands.",
        discussion: """
            Per environment: means (an interval while tasks are missing), slack to the bar, the 95 % interval of the paired \
            difference, wins and losses, and how many scores would have to differ to be on the other side of the bar; then \
            the tasks on which the verdict hangs with both sides' results and words beside each other, what it took to get \
            them, and the rule in words. 'af contest transcript' shows whole conversations. \
            Nothing shown decides anything: a verdict follows from the sums alone.
            """)
    @OptionGroup var options: CommonOptions

    @Argument(help: "The contest's number.")
    var contest: Int64

    @Option(
        help: "Read the contest from this file of 'af contest export' (- for standard input) instead of a database.")
    var archive: String?

    @Option(help: "How many pivotal tasks to show with both sides' results.")
    var tasks = 5

    @Option(help: "How many lines of what both sides said to show of each of them; 0 shows none.")
    var lines = 12

    func validate() throws {
        guard lines >= 0 else { throw ValidationError("--lines '\(lines)' is not valid: expected 0 or more") }
        guard (0...1_000).contains(tasks) else {
            throw ValidationError("--tasks '\(tasks)' is not valid: expected 0 to 1000")
        }
    }

    func run() async throws {
        let id = ContestID(rawValue: contest)
        let report: ContestReport
        if let archive {
            guard let found = try await ArchiveFile.read(archive, .contests([id])).first else {
                throw HistoryError.unknown(id)
            }
            report = ContestReport(
                explanation: try ContestExplanation(contest: id, record: found.record, isOver: true), tries: [],
                answers: [], voids: nil)
        } else {
            report = try await Backend.with(options) { backend in
                try await read(id, from: ContestHistory(database: backend.database))
            }
        }
        if options.json { try Output.json(report) } else { report.printText(tasks: tasks, lines: lines) }
    }

    private func read(_ id: ContestID, from history: ContestHistory) async throws -> ContestReport {
        let (record, isOver) = try await history.contest(id)
        let explanation = try ContestExplanation(contest: id, record: record, isOver: isOver)
        let pivotal = explanation.pivotal?.changes.prefix(tasks) ?? []
        var answers: [TaskAnswer] = []
        for environment in record.rule.environments.map(\.name) {
            let tasks = pivotal.filter { $0.environment == environment }.map(\.task)
            guard !tasks.isEmpty else { continue }
            answers += try await history.answers(in: id, environment: environment, tasks: tasks)
        }
        return ContestReport(
            explanation: explanation, tries: try await history.tries(of: id), answers: answers,
            voids: try await history.voids(before: id))
    }
}
