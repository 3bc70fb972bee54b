import ArgumentParser
import Coordinator
import Digest
import Domain
import FoundationEssentials
import Postgres
import Rules
import SystemPackage

extension WindowCommand {
    struct Archive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a closed window's attempts to files, and take them out of the history.",
            discussion: """
                The folder then holds contests.jsonl.gz, which 'af contest replay --archive' decides anew; attempts.dump, from \
                which 'af window restore' brings everything back; and SHA256SUMS. Nothing leaves the history before the \
                files were read back: every contest has to replay to its stored digests, and every attempt has to be there. \
                Verdicts, certificates and sums stay in the database. Coordinators and workers go on meanwhile. \
                The login has to own the tables, as for 'af db migrate'.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "The window's number.")
        var window: Int64?
        @Option(help: "Instead of a number: archive every closed window but the newest so many.")
        var keep: Int?
        @Option(
            name: .shortAndLong,
            help:
                "A folder that does not exist yet; with --keep the one in which each window gets its own, as window-12."
        )
        var output: String
        @Flag(help: "Free the disk: without it the table of the attempts stays, detached.")
        var drop = false

        func validate() throws {
            guard (window == nil) != (keep == nil) else {
                throw ValidationError("which windows? Give a number or --keep, and only one of them")
            }
            if let keep, keep < 0 { throw ValidationError("--keep '\(keep)' is not valid: expected 0 or more") }
        }

        func run() async throws {
            try await Backend.withOwner(options) { database, url in
                let archiving = Archiving(archives: WindowArchives(database: database), drop: drop, url: url)
                if let window {
                    let archived = try await archiving.archive(WindowID(rawValue: window), to: output)
                    return try Output.record(archived.json, json: options.json)
                }
                try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
                var (done, refused): ([JSONValue], [String]) = ([], [])
                for id in try await archiving.archives.closed(but: keep ?? 0) {
                    do {
                        done.append(try await archiving.archive(id, to: "\(output)/window-\(id)").json)
                    } catch {
                        refused.append("window \(id): \(error)")
                    }
                }
                try Output.rows(
                    done, columns: ["window", "folder", "contests", "attempts", "dropped"],
                    as: options.json ? .json : .table, empty: "no window was archived")
                guard refused.isEmpty else { throw CommandError(refused.joined(separator: "\n")) }
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring an archived window's attempts back into the history.",
            discussion: """
                Where 'af window archive' left the table, it is attached again. Where it was dropped, name the folder: its \
                file has to be the one that was written then.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "The window's number.")
        var window: Int64
        @Option(help: "The folder that 'af window archive' wrote.")
        var archive: String?

        func run() async throws {
            let id = WindowID(rawValue: window)
            try await Backend.withOwner(options) { database, url in
                let archives = WindowArchives(database: database)
                guard let (stored, hasTable) = try await archives.archive(of: id) else {
                    throw CommandError("window \(window) is not archived: 'af window list' shows which are")
                }
                if !hasTable {
                    guard let archive else {
                        throw CommandError(
                            "the table of window \(window) was dropped: give --archive and the folder with its attempts.dump"
                        )
                    }
                    try await ArchiveFolder(path: archive).restoreAttempts(stored.attemptsDigest, to: url)
                }
                let attempts = try await archives.attach(id)
                try Output.record(
                    .object(["window": .integer(window), "attempts": .integer(attempts)]), json: options.json)
            }
        }
    }
}

/// Archives windows, one at a time.
private struct Archiving {
    struct Archived {
        let window: WindowID
        let folder: String
        let archive: WindowArchive
        let dropped: Bool

        var json: JSONValue {
            .object([
                "window": .integer(window.rawValue), "folder": .string(folder), "contests": .integer(archive.contests),
                "attempts": .integer(archive.attempts), "dropped": .bool(dropped),
            ])
        }
    }

    let archives: WindowArchives
    let drop: Bool
    let url: String

    /// - Throws: `CommandError` where the folder exists, or a file, read back, is not what the database holds;
    ///   `ArchiveRefusal`.
    func archive(_ window: WindowID, to output: String) async throws -> Archived {
        guard !FileManager.default.fileExists(atPath: output) else {
            throw CommandError("'\(output)' exists already: name a folder that does not, or delete it")
        }
        // Under a name of its own, so that what a killed command leaves is in no later one's way.
        let partial = ArchiveFolder(path: "\(output).partial-\(UUID())")
        let attempts = try await archives.prepare(window)
        let archive: WindowArchive
        do {
            archive = try await partial.write(window, attempts: attempts, from: archives.database, url: url)
            try FileManager.default.moveItem(atPath: partial.path, toPath: output)
            try ArchiveFolder(path: output).flush()
        } catch {
            try? FileManager.default.removeItem(atPath: partial.path)
            throw error
        }
        do { try await archives.detach(window, into: archive, drop: drop) } catch {
            // Whether it was done may be unknown: the files are not deleted.
            throw CommandError(
                "window \(window) may still be in the history (\(error)). The files in '\(output)' are whole: if "
                    + "'af window list' does not show it as archived, delete them and try again")
        }
        return Archived(window: window, folder: output, archive: archive, dropped: drop)
    }
}
