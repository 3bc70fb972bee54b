import Domain
import FoundationEssentials
import LocalCluster
import Postgres
import TestSupport
import Testing

/// `af window archive` and `af window restore`, with the files that they write.
@Suite("Archived windows", .finishedDemo, .timeLimit(.minutes(10))) struct WindowArchiveTests {
    /// A copy of the demo, whose window closed an hour ago, and a folder that does not exist. The demo may stop before it noted
    /// that its winner's evaluation is complete.
    private func withClosedWindow(_ body: (_ data: String, _ archive: String) async throws -> Void) async throws {
        try await withDataFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let (backup, data) = ("\(folder)/backup", "\(folder)/data")
            try await done(["db", "backup", backup, "--data", FinishedDemo.current.folder])
            try await done(["db", "restore", backup, "--data", data])
            try await owning(data) {
                try $0.execute(
                    "SELECT affine.end_evaluation(id, 'complete', 'every job is settled') FROM affine.evaluation")
                try $0.execute(
                    "UPDATE affine.task_window SET state = 'closed', closed_at = clock_timestamp() - interval '1 hour'")
            }
            try await body(data, "\(folder)/window-1")
        }
    }

    @discardableResult
    private func done(_ arguments: [String]) async throws -> JSONValue {
        let ended = try await Program.run(arguments + ["--json"])
        try #require(ended.exitCode == 0, "\(arguments): \(ended.errors)")
        return try ended.json()
    }

    private func refused(_ arguments: [String], _ words: String) async throws {
        let ended = try await Program.run(arguments)
        #expect(ended.exitCode == 1 && ended.errors.contains(words), "\(arguments): \(ended.output) \(ended.errors)")
    }

    @Test("an archived window replays from its file, is brought back from its files alone, and then replays as before")
    func roundTrip() async throws {
        try await withClosedWindow { data, archive in
            let here = ["--data", data]
            let written = try await done(["window", "archive", "1", "--output", archive, "--drop"] + here)
            #expect(written["dropped"] == .bool(true) && written["contests"] == .integer(1))
            let digest = try FinishedDemo.current.report["digest"]
            try await #expect(
                done(["contest", "replay", "--archive", "\(archive)/contests.jsonl.gz", "2"])["digest"] == digest)
            try await Tool.run(["sh", "-c", "cd '\(archive)' && sha256sum --check --quiet SHA256SUMS"])

            try await refused(["contest", "replay", "2"] + here, "was archived with window 1")
            try await refused(["window", "archive", "1", "--output", archive] + here, "exists already")
            try await refused(["window", "archive", "1", "--output", archive + "b"] + here, "is archived already")
            try await refused(["window", "restore", "1"] + here, "give --archive")
            try await refused(["window", "restore", "2"] + here, "window 2 is not archived")

            let restored = try await done(["window", "restore", "1", "--archive", archive] + here)
            #expect(restored["attempts"] == written["attempts"])
            try await #expect(done(["contest", "replay", "2"] + here)["digest"] == digest)
            try await done(["window", "archive", "1", "--output", archive + "b"] + here)
            try await #expect(done(["window", "restore", "1"] + here)["attempts"] == written["attempts"])
        }
    }

    @Test("all but the newest closed windows are archived by one command, which a timer may give again and again")
    func kept() async throws {
        try await withClosedWindow { data, archive in
            let all = ["window", "archive", "--output", archive, "--data", data, "--keep"]
            try await #expect(done(all + ["1"]) == .array([]))
            let first = try await done(all + ["0"]).arrayValue
            #expect(first?.count == 1 && first?.first?["folder"]?.stringValue == "\(archive)/window-1")
            #expect(FileManager.default.fileExists(atPath: "\(archive)/window-1/SHA256SUMS"))
            try await #expect(done(all + ["0"]) == .array([]))
            // What is in the way is told, and nothing of it is touched.
            try await done(["window", "restore", "1", "--data", data])
            try await refused(all + ["0"], "window 1: '\(archive)/window-1' exists already")
            for odd in [["1"], ["--keep=-1"], []] {
                let ended = try await Program.run(
                    ["window", "archive", "--output", archive] + odd + (odd == ["1"] ? ["--keep", "1"] : []))
                #expect(ended.exitCode == 64, "\(odd): \(ended.errors)")
            }
        }
    }

    @Test("a file that was changed is not brought back, and a contest that does not replay is not archived")
    func changed() async throws {
        try await withClosedWindow { data, archive in
            let here = ["--data", data]
            try await done(["window", "archive", "1", "--output", archive, "--drop"] + here)
            let dump = "\(archive)/attempts.dump"
            let bytes = try #require(FileManager.default.contents(atPath: dump))
            try bytes.dropLast().write(to: URL(filePath: dump))
            try await refused(
                ["window", "restore", "1", "--archive", archive] + here, "is not the file that was archived")
            try bytes.write(to: URL(filePath: dump))
            try await done(["window", "restore", "1", "--archive", archive] + here)
            try await owning(data) {
                try $0.execute("ALTER TABLE affine.contest DISABLE TRIGGER USER")
                try $0.execute("UPDATE affine.contest SET evidence_digest = sha256('')")
            }
            try await refused(
                ["window", "archive", "1", "--output", archive + "b"] + here, "contest 2 does not replay")
            #expect(!FileManager.default.fileExists(atPath: archive + "b"))
            let left = try FileManager.default.contentsOfDirectory(
                atPath: URL(filePath: archive).deletingLastPathComponent().path)
            #expect(!left.contains { $0.contains("partial") }, "\(left)")
            let windows = try await done(["window", "list"] + here).arrayValue
            #expect(windows?.first?["archived_at"] == .null)
        }
    }
}
