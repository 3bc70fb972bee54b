import ArgumentParser
import Coordinator
import Domain
import FoundationEssentials
import Rules

/// Which contests of the past a command is about: of the database, or of a file that `af contest export` wrote.
struct HistoryOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The contests' numbers.", valueName: "contest"))
    var contests: [Int64] = []

    @Flag(help: "Every contest that is over.")
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
        if let archive { return try ArchiveFile.read(archive, scope) }
        return try await Backend.with(options) { backend in
            try await ContestHistory(database: backend.database).archives(
                of: scope, progress: ProgressLine.teller("contests read"))
        }
    }
}

/// Reads and writes exported contests: one JSON document a line.
enum ArchiveFile {
    /// The contests of a file that are within the scope.
    ///
    /// - Throws: As `read(_:)` does; `CommandError` for a contest that the file does not hold.
    static func read(_ file: String, _ scope: HistoryScope) throws -> [ContestArchive] {
        let archives = try read(file)
        switch scope {
        case .all: return archives
        case .window(let window): return archives.filter { $0.record.window == window }
        case .contests(let wanted):
            for contest in wanted where !archives.contains(where: { $0.contest == contest }) {
                let held = archives.map(\.contest.description).joined(separator: ", ")
                throw CommandError("there is no contest \(contest) in '\(file)': it holds \(held)")
            }
            return archives.filter { wanted.contains($0.contest) }
        }
    }

    /// - Throws: `CommandError` naming file and line of what is not an exported contest, or was changed since.
    static func read(_ path: String) throws -> [ContestArchive] {
        let lines = try InputFile.read(path).split(separator: "\n", omittingEmptySubsequences: false)
        var archives: [ContestArchive] = []
        for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
            do {
                archives.append(try JSONDecoder().decode(ContestArchive.self, from: Data(line.utf8)))
            } catch let error as InvalidValue {
                throw CommandError("'\(path)' line \(index + 1): \(error)")
            } catch let error as DecodingError {
                throw CommandError("'\(path)' line \(index + 1) is not an exported contest: \(words(for: error))")
            }
        }
        guard !archives.isEmpty else { throw CommandError("'\(path)' holds no exported contest") }
        return archives
    }

    static func text(of archives: [ContestArchive]) throws -> String {
        try archives.map { try $0.jsonText() + "\n" }.joined()
    }

    /// What does not fit, and where.
    static func words(for error: DecodingError) -> String {
        let context: DecodingError.Context
        switch error {
        case .dataCorrupted(let found), .keyNotFound(_, let found), .typeMismatch(_, let found),
            .valueNotFound(_, let found):
            context = found
        @unknown default: return "\(error)"
        }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return (path.isEmpty ? "" : "\(path): ") + context.debugDescription
    }
}
