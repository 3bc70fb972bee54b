import ArgumentParser
import Coordinator
import Domain
import Rules

struct ContestReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Recompute verdicts from the job history.",
        usage: """
            af contest replay <contest> ...
            af contest replay --all
            af contest replay --window <window>
            af contest replay --archive <file> [<contest> ...]
            """,
        discussion: """
            Decides each contest anew and compares verdict, certificate and both digests with what was stored. Of a \
            mismatch the first stored value that differs is named, and the command exits with 1. With --archive nothing but \
            the file is needed: no database, no network.
            """)
    @OptionGroup var options: CommonOptions

    @OptionGroup var history: HistoryOptions

    func run() async throws {
        let results = try await replay()
        if options.json {
            try results.count == 1 && history.namesOne ? Output.json(results[0]) : Output.json(Report(results))
        } else if let only = results.first, results.count == 1 {
            print("contest \(only.contest): \(only.verdict?.rawValue ?? "no verdict")")
            print("digest  \(only.digest ?? "-")")
            print(only.difference.map { "differs: \($0)" } ?? "matches what was stored")
        } else {
            for result in results {
                if let difference = result.difference { print("contest \(result.contest) differs: \(difference)") }
            }
            print("\(results.count(where: \.match)) of \(results.count) contests match what was stored")
        }
        guard results.allSatisfy(\.match) else { throw ExitCode.failure }
    }

    private func replay() async throws -> [ReplayResult] {
        if let file = history.archive { return try await ArchiveFile.read(file, history.scope).map { $0.replay() } }
        return try await Backend.with(options) { backend in
            try await ContestHistory(database: backend.database).replay(
                history.scope, progress: ProgressLine.teller("contests replayed"))
        }
    }

    private struct Report: Encodable {
        let contests: Int
        let matches: Int
        let differences: [ReplayResult]

        init(_ results: [ReplayResult]) {
            contests = results.count
            matches = results.count(where: \.match)
            differences = results.filter { !$0.match }
        }
    }
}
