import Subprocess
import SystemPackage

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

    /// What a file holds, compressed or not; gzip reads it, so that nobody writes to one that has ended.
    ///
    /// - Parameters:
    ///   - path: `-` for standard input.
    ///   - limit: Bytes that it may expand to: a small file may be made of any number.
    /// - Throws: `CommandError` naming the path and what is wrong with it.
    static func expand(_ path: String, limit: Int = 2 << 30) async throws -> [UInt8] {
        let file: FileDescriptor
        do {
            file = path == "-" ? .standardInput : try FileDescriptor.open(FilePath(path), .readOnly)
        } catch { throw CommandError("'\(path)' can't be read: \(error)") }
        defer { if path != "-" { try? file.close() } }
        do {
            let ended = try await Subprocess.run(
                .name("gzip"), arguments: ["--decompress", "--stdout", "--force"],
                input: .fileDescriptor(file, closeAfterSpawningProcess: false), output: .bytes(limit: limit),
                error: .string(limit: 1 << 12))
            guard ended.terminationStatus.isSuccess else {
                throw CommandError("'\(path)' is not a whole gzip file: \(ended.standardError)")
            }
            return ended.standardOutput
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            throw CommandError("'\(path)' expands to more than \(limit >> 20) MiB: give a part of it")
        }
    }
}
