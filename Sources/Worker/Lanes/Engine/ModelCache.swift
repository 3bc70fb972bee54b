package import Domain
package import FoundationEssentials

/// Models on disk, a folder each, of which the least recently used make room for others.
package struct ModelCache: Sendable {
    /// Its time of change says when the folder's model was last wanted.
    private static let stamp = ".last-used"

    private let folder: String
    private let budget: Int64

    /// - Parameter budget: Bytes of all folders together.
    package init(folder: String, budget: Int64) {
        self.folder = folder
        self.budget = budget
    }

    /// The folder of a model, made if there is none, and marked as used at this moment.
    ///
    /// - Throws: What the file system says.
    package func use(_ model: ModelReference, at now: Date = .now) throws -> String {
        let path = "\(folder)/\(Self.name(of: model))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let stamp = "\(path)/\(Self.stamp)"
        if !FileManager.default.fileExists(atPath: stamp) {
            _ = FileManager.default.createFile(atPath: stamp, contents: nil)
        }
        try FileManager.default.setAttributes([.modificationDate: now], ofItemAtPath: stamp)
        return path
    }

    /// Removes the least recently used models until the rest fits, never this one.
    ///
    /// - Returns: The names of the folders that went.
    @discardableResult
    package func makeRoom(sparing model: ModelReference) throws -> [String] {
        let spared = Self.name(of: model)
        let models = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap(measured)
        var total = models.reduce(0) { $0 + $1.bytes }
        var removed: [String] = []
        for candidate in models.sorted(by: { $0.usedAt < $1.usedAt }) where total > budget && candidate.name != spared {
            try FileManager.default.removeItem(atPath: "\(folder)/\(candidate.name)")
            total -= candidate.bytes
            removed.append(candidate.name)
        }
        return removed
    }

    private static func name(of model: ModelReference) -> String {
        "\(model.repository.replacing("/", with: "--"))@\(model.revision)"
    }

    /// Nil for what this cache did not make.
    private func measured(_ name: String) -> (name: String, bytes: Int64, usedAt: Date)? {
        let path = "\(folder)/\(name)"
        let stamp = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(Self.stamp)")
        guard let usedAt = stamp?[.modificationDate] as? Date else { return nil }
        return (name, size(of: path), usedAt)
    }

    private func size(of path: String) -> Int64 {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return 0 }
        guard attributes[.type] as? FileAttributeType == .typeDirectory else {
            return attributes[.size] as? Int64 ?? Int64(attributes[.size] as? UInt64 ?? 0)
        }
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return entries.reduce(0) { $0 + size(of: "\(path)/\($1)") }
    }
}
