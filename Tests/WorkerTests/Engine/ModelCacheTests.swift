import Domain
import Foundation
import Testing
import Worker

@Suite struct ModelCacheTests {
    private func model(_ name: String) throws -> ModelReference {
        try ModelReference("owner/\(name)@\(String(repeating: "1", count: 40))")
    }

    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    /// Uses a model at a time, and gives it so many bytes, some of them in a folder of their own.
    private func fill(_ cache: ModelCache, _ name: String, bytes: Int, at second: Double) throws {
        let path = try cache.use(model(name), at: Date(timeIntervalSince1970: second))
        try FileManager.default.createDirectory(atPath: "\(path)/hub", withIntermediateDirectories: true)
        for part in ["weights", "hub/config"] {
            try Data(repeating: 1, count: bytes / 2).write(to: URL(filePath: "\(path)/\(part)"))
        }
    }

    @Test("the least recently used models make room, and never the one that is wanted")
    func room() throws {
        try inFolder { folder in
            let cache = ModelCache(folder: folder, budget: 2_500)
            for (second, name) in ["a", "b", "c"].enumerated() {
                try fill(cache, name, bytes: 1_000, at: Double(second))
            }
            _ = try cache.use(model("a"), at: Date(timeIntervalSince1970: 10))
            try Data([1]).write(to: URL(filePath: "\(folder)/engine.log"))
            #expect(try cache.makeRoom(sparing: model("c")).map { $0.prefix(8) } == ["owner--b"])
            #expect(try cache.makeRoom(sparing: model("c")) == [])
            let tight = ModelCache(folder: folder, budget: 1)
            #expect(try tight.makeRoom(sparing: model("c")).map { $0.prefix(8) } == ["owner--a"])
            #expect(FileManager.default.fileExists(atPath: "\(folder)/engine.log"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
        }
    }
}
