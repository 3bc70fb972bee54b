import ArgumentParser
import Coordinator
import Domain
import Rules

/// Which contests of the past a command is about: of the database, or of a file that `af contest export` wrote.
struct HistoryOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The contests' numbers.", valueName: "contest"))
    var contests: [Int64] = []

    @Flag(help: "Every contest that is over and whose window is not archived.")
    var all = false

    @Option(help: "Every contest of this window that is over.")
    var window: Int64?

    @Option(help: "Read exported contests from this file (- for standard input) instead of a database.")
    var archive: String?

    func validate() throws {
        let named = [!contests.isEmpty, all, window != nil].count(where: { $0 })
        guard named == 1 || (named == 0 && archive != nil) else {
            throw ValidationError("name contests by number, or give --window, or --all: one of the three")
        }
    }

    var scope: HistoryScope {
        if let window { return .window(WindowID(rawValue: window)) }
        return contests.isEmpty ? .all : .contests(contests.map(ContestID.init))
    }

    /// Whether exactly one contest was asked for, by its number.
    var namesOne: Bool { contests.count == 1 }

    /// The contests of the scope, from the file or the database.
    func archives(_ options: CommonOptions) async throws -> [ContestArchive] {
        if let archive { return try await ArchiveFile.read(archive, scope) }
        return try await Backend.with(options) { backend in
            try await ContestHistory(database: backend.database).archives(
                of: scope, progress: ProgressLine.teller("contests read"))
        }
    }
}
