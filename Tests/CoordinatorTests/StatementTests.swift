import Foundation
import Postgres
import TestSupport
import Testing

/// The statements' text as it stands in the sources, so that none can be forgotten.
@Suite(.migratedDatabase) struct StatementTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func files(_ target: String) throws -> [URL] {
        let folder = root.appending(path: "Sources/\(target)")
        let paths = try #require(FileManager.default.subpaths(atPath: folder.path()))
        return paths.filter { $0.hasSuffix(".swift") }.sorted().map { folder.appending(path: $0) }
    }

    /// The text of every `static let sql = …` of a file.
    static func statements(_ file: URL) throws -> [String] {
        let text = try String(contentsOf: file, encoding: .utf8)
        let long = text.matches(of: /static let sql = """\n(.*?)\n *"""/.dotMatchesNewlines()).map { String($0.1) }
        let short = text.matches(of: /static let sql =\s+"([^"\n].*)"\n/).map { String($0.1) }
        return long + short
    }

    @Test("every statement in the sources prepares against the migrated schema", arguments: ["Coordinator", "Worker"])
    func prepares(target: String) async throws {
        let database = FreshDatabase.current.database
        var count = 0
        for file in try Self.files(target) {
            for sql in try Self.statements(file) {
                count += 1
                await #expect(throws: Never.self, "\(file.lastPathComponent): \(sql)") {
                    try await database.withSession { try $0.execute("PREPARE s AS \(sql); DEALLOCATE s") }
                }
            }
        }
        let declared = try Self.files(target).reduce(0) { count, file in
            try count + String(contentsOf: file, encoding: .utf8).matches(of: /static let sql =/).count
        }
        #expect(count == declared && count > 0)
    }
}
