internal import Digest
internal import Domain
internal import FoundationEssentials
internal import SystemPackage

/// A model in a folder of this machine, seen as admission will see it on the hub.
package struct ModelFolder: Sendable {
    package let path: String
    /// Without a commit and without titles, which only a repository has.
    let model: HubModel

    /// Reads the whole folder: every byte of the weights, for their hash.
    ///
    /// - Throws: `InvalidValue` when it is no folder; `Errno` when a file can't be read.
    package init(_ path: String) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
            throw InvalidValue(field: "folder", value: path, expected: "a folder with a model's files")
        }
        self.path = path
        var model = HubModel(commit: "")
        for name in try FileManager.default.subpathsOfDirectory(atPath: path).sorted() where HubModel.isWeights(name) {
            model.weightHashes.append(try Self.digest(of: "\(path)/\(name)").hex)
        }
        model.config = Self.json("\(path)/config.json")
        for name in HubModel.templateFiles {
            guard let bytes = FileManager.default.contents(atPath: "\(path)/\(name)") else { continue }
            model.chatTemplates += HubModel.templates(in: name, bytes)
        }
        self.model = model
    }

    /// As admission computes it from the hub's hashes; nil without weights.
    package var modelHash: String? { model.modelHash }

    private static func json(_ path: String) -> JSONValue? {
        FileManager.default.contents(atPath: path).flatMap { JSONValue(json: $0) }
    }

    private static func digest(of path: String) throws -> SHA256Digest {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        return try file.closeAfter {
            let hasher = SHA256Hasher()
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
                guard count > 0 else { return hasher.finish() }
                hasher.update(count == chunk.count ? chunk : Array(chunk[..<count]))
            }
        }
    }
}
