import Glibc
import SystemPackage

/// Reads a file that a person named.
enum InputFile {
    /// - Throws: `CommandError` naming the path and what the system said.
    static func read(_ path: String) throws -> String { try text(try bytes(path), path) }

    /// - Throws: `CommandError` naming the path where the bytes are no text.
    static func text(_ bytes: [UInt8], _ path: String) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError("'\(path)' is not UTF-8 text")
        }
        return text
    }

    /// - Throws: `CommandError` naming the path and what the system said.
    static func bytes(_ path: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try pieces(of: path) { bytes += $0 }
        return bytes
    }

    /// Hands over the file's bytes, a piece at a time.
    ///
    /// - Throws: `CommandError` naming the path and what the system said.
    static func pieces(of path: String, _ body: ([UInt8]) -> Void) throws {
        do {
            let descriptor =
                path == "-" ? FileDescriptor.standardInput : try FileDescriptor.open(FilePath(path), .readOnly)
            defer { if path != "-" { try? descriptor.close() } }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                guard count > 0 else { break }
                body(Array(chunk[..<count]))
            }
        } catch let error as Errno {
            throw CommandError("'\(path)' can't be read: \(error)")
        }
    }
}

/// Writes a file of the program's own.
enum OutputFile {
    static func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
    }

    /// Waits until a file, or the names in a folder, are on the disk.
    ///
    /// - Throws: `CommandError` naming the path and what the system said.
    static func flush(_ path: String) throws {
        do {
            let descriptor = try FileDescriptor.open(FilePath(path), .readOnly)
            try descriptor.closeAfter {
                guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch let error as Errno {
            throw CommandError("'\(path)' can't be brought to the disk: \(error)")
        }
    }
}

/// Messages for people, beside the results on standard output.
enum StandardError {
    static func write(_ text: String) {
        // Nobody may be reading any more; then there is nobody to tell.
        _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
    }
}
