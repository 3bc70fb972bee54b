import Foundation
import Testing

/// The files under `deploy/` and `docs/`, as they stand in the sources.
enum DeployFiles {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The files of a folder with this ending, in order.
    static func files(in folder: String, ending: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())
        let files = names.filter { $0.hasSuffix(ending) }.sorted()
        try #require(!files.isEmpty, "no \(ending) in \(folder)")
        return files
    }
}
