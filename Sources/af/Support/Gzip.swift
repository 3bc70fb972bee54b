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

    /// - Parameters:
    ///   - path: Where the bytes came from, for the error.
    ///   - limit: Bytes that they may expand to: a small file may be made of any number.
    static func expand(_ bytes: [UInt8], _ path: String, limit: Int = 2 << 30) async throws -> [UInt8] {
        do {
            let ended = try await Subprocess.run(
                .name("gzip"), arguments: ["--decompress", "--stdout"], input: .array(bytes),
                output: .bytes(limit: limit), error: .string(limit: 1 << 12))
            guard ended.terminationStatus.isSuccess else {
                throw CommandError("'\(path)' is not a whole gzip file: \(ended.standardError)")
            }
            return ended.standardOutput
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            throw CommandError("'\(path)' expands to more than \(limit >> 20) MiB: give a part of it")
        }
    }
}
