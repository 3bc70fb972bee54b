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
        var window: Int64
        @Option(name: .shortAndLong, help: "A folder that does not exist yet.")
        var output: String
        @Flag(help: "Free the disk: without it the table of the attempts stays, detached.")
        var drop = false

        func run() async throws {
            let (id, partial) = (WindowID(rawValue: window), ArchiveFolder(path: output + ".partial"))
            for path in [output, partial.path] where FileManager.default.fileExists(atPath: path) {
                throw CommandError("'\(path)' exists already: name a folder that does not, or delete it")
            }
            try await Backend.withOwner(options) { database, url in
                let archives = WindowArchives(database: database)
                let attempts = try await archives.prepare(id)
                let archive: WindowArchive
                do {
                    archive = try await partial.write(id, attempts: attempts, from: database, url: url)
                    try FileManager.default.moveItem(atPath: partial.path, toPath: output)
                    try ArchiveFolder(path: output).flush()
                } catch {
                    try? FileManager.default.removeItem(atPath: partial.path)
                    throw error
                }
                do { try await archives.detach(id, into: archive, drop: drop) } catch {
                    // Whether it was done may be unknown: the files are not deleted.
                    throw CommandError(
                        "window \(window) may still be in the history (\(error)). The files in '\(output)' are whole: if "
                            + "'af window list' does not show it as archived, delete them and try again")
                }
                try Output.record(
                    .object([
                        "folder": .string(output), "contests": .integer(archive.contests),
                        "attempts": .integer(archive.attempts), "dropped": .bool(drop),
                    ]), json: options.json)
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

/// The files of one archived window.
private struct ArchiveFolder {
    let path: String

    private var contests: String { path + "/contests.jsonl" }
    private var attempts: String { path + "/attempts.dump" }
    private var sums: String { path + "/SHA256SUMS" }

    /// - Parameter attempts: How many the window has.
    /// - Throws: `CommandError` where a file, read back, is not what the database holds.
    func write(
        _ window: WindowID, attempts expected: Int64, from database: Database, url: String
    ) async throws -> WindowArchive {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let archives = try await ContestHistory(database: database).archives(
            of: .window(window), progress: ProgressLine.teller("contests read"))
        try OutputFile.write(Array(ArchiveFile.text(of: archives).utf8), to: contests)
        try await Gzip.compress(contests)
        try await PostgresProgram.run(
            "pg_dump", ["--format=custom", "--file=\(attempts)", "--table=\(WindowArchives.table(of: window))"], on: url
        )
        try await checkContests(archives.count)
        let found = try await PostgresProgram.rows(in: attempts)
        guard found == expected else {
            throw CommandError(
                "'\(attempts)' holds \(found) attempts, and the database \(expected): nothing was archived")
        }
        let digests = (try Self.digest(of: contests + ".gz"), try Self.digest(of: attempts))
        let lines = "\(digests.0)  contests.jsonl.gz\n\(digests.1)  attempts.dump\n"
        try OutputFile.write(Array(lines.utf8), to: sums)
        return WindowArchive(
            contests: Int64(archives.count), attempts: found, contestsDigest: digests.0, attemptsDigest: digests.1)
    }

    /// Has all of it on the disk, so that it outlives a power cut that comes after the table is gone.
    func flush() throws {
        let parent = FilePath(path).removingLastComponent()
        for place in [contests + ".gz", attempts, sums, path, parent.isEmpty ? "." : parent.string] {
            try OutputFile.flush(place)
        }
    }

    /// - Throws: `CommandError` where the file is not the one with this digest.
    func restoreAttempts(_ digest: SHA256Digest, to url: String) async throws {
        let found = try Self.digest(of: attempts)
        guard found == digest else {
            throw CommandError(
                "'\(attempts)' is not the file that was archived: its SHA-256 is \(found), and was \(digest)")
        }
        try await PostgresProgram.run(
            "pg_restore",
            ["--single-transaction", "--exit-on-error", "--no-owner", "--role=affine_owner", "--dbname=", attempts],
            on: url)
    }

    /// Every contest in the file decides as it was stored.
    private func checkContests(_ count: Int) async throws {
        guard count > 0 else { return }
        let results = try await ArchiveFile.read(contests + ".gz").map { $0.replay() }
        if let broken = results.first(where: { !$0.match }) {
            throw CommandError(
                "contest \(broken.contest) does not replay (\(broken.difference ?? "")): nothing was archived")
        }
        guard results.count == count else {
            throw CommandError("'\(contests).gz' holds \(results.count) of \(count) contests: nothing was archived")
        }
    }

    private static func digest(of path: String) throws -> SHA256Digest {
        let hasher = SHA256Hasher()
        try InputFile.pieces(of: path, hasher.update)
        return hasher.finish()
    }
}
