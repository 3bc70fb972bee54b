internal import FoundationEssentials
internal import Glibc

/// The few things done with files, with errors that name the path.
enum Files {
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return whole.count > 1 && whole.hasSuffix("/") ? String(whole.dropLast()) : whole
    }

    /// Without symbolic links; nil where there is nothing.
    static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    static func attempt(_ path: String, _ body: (FileManager) throws -> Void) throws(LocalClusterError) {
        do { try body(.default) } catch {
            throw LocalClusterError(.folderUnusable, "'\(path)': \(error)")
        }
    }

    static func write(_ text: String, to path: String) throws(LocalClusterError) {
        try attempt(path) { _ in try text.write(toFile: path, atomically: false, encoding: .utf8) }
    }

    static func remove(_ path: String) throws(LocalClusterError) {
        guard exists(path) else { return }
        try attempt(path) { try $0.removeItem(atPath: path) }
    }
}
