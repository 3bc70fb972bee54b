import Coordinator
import Domain
import FoundationEssentials
import Rules

/// Reads and writes exported contests: one JSON document a line, as text or compressed by gzip.
enum ArchiveFile {
    /// The contests of a file that are within the scope.
    ///
    /// - Throws: As `read(_:)` does; `CommandError` for a contest that the file does not hold.
    static func read(_ file: String, _ scope: HistoryScope) async throws -> [ContestArchive] {
        let archives = try await read(file)
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
    static func read(_ path: String) async throws -> [ContestArchive] {
        let lines = try await text(path).split(separator: "\n", omittingEmptySubsequences: false)
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

    private static func text(_ path: String) async throws -> String {
        try InputFile.text(try await Gzip.expand(path), path)
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
