import Subprocess

/// The gzip that every system has.
enum Gzip {
    /// Puts `path.gz` in the place of the file; the same bytes make the same file.
    static func compress(_ path: String) async throws {
        let ended = try await Subprocess.run(
            .name("gzip"), arguments: ["--no-name", "--force", path], output: .discarded, error: .string(limit: 1 << 12)
        )
        guard ended.terminationStatus.isSuccess else {
            throw CommandError("gzip could not compress '\(path)': \(ended.standardError)")
        }
    }

    /// - Parameter path: Where the bytes came from, for the error.
    static func expand(_ bytes: [UInt8], _ path: String) async throws -> [UInt8] {
        let ended = try await Subprocess.run(
            .name("gzip"), arguments: ["--decompress", "--stdout"], input: .array(bytes), output: .bytes(limit: .max),
            error: .string(limit: 1 << 12))
        guard ended.terminationStatus.isSuccess else {
            throw CommandError("'\(path)' is not a whole gzip file: \(ended.standardError)")
        }
        return ended.standardOutput
    }
}
