import Domain
import FoundationEssentials
import Postgres
import TestSupport
import Testing

@Suite("Backups", .finishedDemo, .timeLimit(.minutes(10))) struct BackupTests {
    private func withBackup(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("backup-\(UUID().uuidString)").path
        let written = try await Program.run(["db", "backup", file, "--data", FinishedDemo.current.folder])
        #expect(written.exitCode == 0, "\(written.errors)")
        let result: Result<Void, any Error>
        do { result = .success(try await body(file)) } catch { result = .failure(error) }
        try FileManager.default.removeItem(atPath: file)
        try result.get()
    }

    @Test("a restored database replays every verdict, keeps its chain of events, and takes no second backup")
    func restored() async throws {
        try await withBackup { file in
            try await withDataFolder { folder in
                let restored = try await Program.run(["db", "restore", file, "--data", folder, "--json"])
                #expect(restored.exitCode == 0, "\(restored.errors)")
                try #expect(restored.json()["pending_migrations"] == .integer(0))
                let replayed = try await Program.run(["contest", "replay", "2", "--data", folder, "--json"])
                #expect(replayed.exitCode == 0, "\(replayed.errors)")
                try #expect(replayed.json()["digest"] == FinishedDemo.current.report["digest"])
                try await owning(folder) { session in
                    let known = try session.run(InheritedStatistics())
                    #expect(known != [0], "the planner knows nothing of the history")
                }
                let audited = try await Program.run(["doctor", "audit", "--data", folder])
                #expect(audited.exitCode == 0, "\(audited.output) \(audited.errors)")
                let again = try await Program.run(["db", "restore", file, "--data", folder])
                #expect(again.exitCode == 1 && again.errors.contains("holds Affine's schemas already"))
            }
        }
    }

    @Test("what is no backup, or is cut short, leaves the database as it was, and no backup replaces a file")
    func refused() async throws {
        try await withBackup { file in
            let bytes = try #require(FileManager.default.contents(atPath: file))
            let half = file + ".half"
            try bytes.prefix(bytes.count / 2).write(to: URL(filePath: half))
            try await withDataFolder { folder in
                let failed = try await Program.run(["db", "restore", half, "--data", folder])
                #expect(failed.exitCode == 1 && failed.errors.contains("pg_restore failed"), "\(failed.errors)")
                let restored = try await Program.run(["db", "restore", file, "--data", folder])
                #expect(restored.exitCode == 0, "\(restored.errors)")
            }
            try FileManager.default.removeItem(atPath: half)
            let onto = try await Program.run(["db", "backup", file, "--data", FinishedDemo.current.folder])
            #expect(onto.exitCode == 1 && onto.errors.contains("exists already"))
            let absent = try await Program.run([
                "db", "restore", "/dev/null/backup", "--data", FinishedDemo.current.folder,
            ])
            #expect(absent.exitCode == 1 && absent.errors.contains("can't be read"))
        }
    }
}

/// Row: for how many columns of all attempts together the planner has statistics.
private struct InheritedStatistics: Statement {
    static let sql = "SELECT count(*) FROM pg_stats WHERE schemaname = 'affine' AND tablename = 'attempt' AND inherited"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
