import ArgumentParser
import Coordinator
import Domain
import Rules

struct ContestExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write contests to a file that replays anywhere.",
        discussion: """
            One JSON document a line, each with rule, slate, both sides' results, verdict and digests: \
            'af contest replay --archive FILE' needs nothing else, and names the part of a file that was changed. \
            'docs/digests.md' describes the form. Without --output the documents go to standard output.
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var history: HistoryOptions

    @Option(name: .shortAndLong, help: "The file to write.")
    var output: String?

    func run() async throws {
        let archives = try await history.archives(options)
        let text = try ArchiveFile.text(of: archives)
        guard let output else { return print(text, terminator: "") }
        try OutputFile.write(Array(text.utf8), to: output)
        let written = Written(contests: archives.count, file: output)
        if options.json { try Output.json(written) } else { print("\(written.contests) contests written to \(output)") }
    }

    private struct Written: Encodable {
        let contests: Int
        let file: String
    }
}
