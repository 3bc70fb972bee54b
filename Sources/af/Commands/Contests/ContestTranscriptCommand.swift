import ArgumentParser
import Coordinator
import Domain

struct ContestTranscriptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transcript", abstract: "What both sides were told on a task, and what they said.",
        discussion: """
            Messages that both sides were told are shown once; where their conversations part they stand beside each other. \
            Workers keep transcripts unless they run with --no-transcripts; very long ones are cut in the middle.
            """)
    @OptionGroup var options: CommonOptions

    @Argument(help: "The contest's number.")
    var contest: Int64

    @Argument(help: "The environment's name.")
    var environment: String

    @Argument(help: "The task's id.")
    var task: Int64

    func run() async throws {
        let (id, name) = (ContestID(rawValue: contest), try EnvironmentName(environment))
        let answers = try await Backend.with(options) { backend in
            let history = ContestHistory(database: backend.database)
            _ = try await history.contest(id)
            return try await history.answers(in: id, environment: name, tasks: [TaskID(rawValue: task)])
        }
        if options.json { return try Output.json(answers) }
        let pair = TranscriptPair(answers)
        guard !pair.isEmpty else {
            throw CommandError(
                "no transcript of task \(task) of '\(name)' was kept in contest \(id): see 'af contest explain \(id)' for its tasks"
            )
        }
        Self.printText(pair)
        for answer in answers {
            guard let transcript = answer.transcript, transcript.isCut else { continue }
            print("The \(answer.side)'s transcript was cut: it had \(transcript.bytes) bytes.")
        }
    }

    private static func printText(_ pair: TranscriptPair) {
        for line in pair.shared { print("── \(line.role)\n\(line.text)\n") }
        beside(pair).forEach { print($0) }
    }

    /// Where two conversations part, the champion's on the left.
    static func beside(_ pair: TranscriptPair, most: Int = .max) -> [String] {
        func text(_ lines: [TranscriptPair.Line]) -> String {
            lines.isEmpty ? "(nothing was kept)" : lines.map { "── \($0.role)\n\($0.text)" }.joined(separator: "\n")
        }
        return SideBySide.lines("champion", "challenger", width: Output.width)
            + SideBySide.lines(text(pair.champion), text(pair.challenger), width: Output.width, most: most)
    }
}
