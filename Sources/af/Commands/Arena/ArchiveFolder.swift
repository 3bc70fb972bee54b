import Coordinator
import Digest
import Domain
import FoundationEssentials
import Postgres
import Rules
import SystemPackage

/// The files of one archived window.
struct ArchiveFolder {
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
