import Domain
import FoundationEssentials
import TestSupport
import Testing

/// What can be asked about a contest that is over: of the database that the demo left, and of a file.
@Suite(.finishedDemo, .serialized, .timeLimit(.minutes(10))) struct ContestTests {
    private func run(_ command: String..., onData: Bool = true) async throws -> Program.Ended {
        try await Program.run(
            ["contest"] + command + (onData ? ["--data", try FinishedDemo.current.folder] : []))
    }

    private func withExport(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("export-\(UUID().uuidString)").path
        let written = try await run("export", "--all", "--output", file)
        #expect(written.exitCode == 0 && written.output.hasPrefix("1 contests written to "), "\(written.errors)")
        try await body(file)
        try FileManager.default.removeItem(atPath: file)
    }

    @Test("an exported contest replays without a database to the digest of the demo, and is explained from the file")
    func export() async throws {
        try await withExport { file in
            let replayed = try await run("replay", "2", "--archive", file, "--json", onData: false)
            #expect(replayed.exitCode == 0)
            #expect(try replayed.json()["digest"] == FinishedDemo.current.report["digest"])
            let explained = try await run("explain", "2", "--archive", file, "--json", onData: false)
            #expect(try explained.json()["verdict"] == FinishedDemo.current.report["verdict"])
            let absent = try await run("replay", "3", "--archive", file, onData: false)
            #expect(absent.exitCode == 1 && absent.errors.contains("there is no contest 3 in '\(file)': it holds 2"))
        }
    }

    @Test("a contest that is over is shown once, with its verdict and where each environment stands")
    func watch() async throws {
        let watched = try await run("watch", "2", "--json")
        #expect(watched.exitCode == 0)
        let row = try watched.json()
        #expect(try row["verdict"] == FinishedDemo.current.report["verdict"])
        let environments = try #require(row["environments"]?.arrayValue)
        #expect(environments.count == 2)
        for environment in environments {
            let lowest = try #require(environment["lowest"]?.doubleValue)
            let highest = try #require(environment["highest"]?.doubleValue)
            #expect(lowest <= highest && environment["to_beat"]?.doubleValue != nil)
        }
        let lines = try await run("watch", "2")
        #expect(lines.output.hasPrefix("contest 2 decided, ") && !lines.output.contains("\u{1B}"), "\(lines.output)")
        let absent = try await run("watch", "77")
        #expect(absent.exitCode == 1 && absent.errors.contains("there is no contest 77"), "\(absent.errors)")
    }

    @Test("a file that was changed is refused by the name of the part that was changed")
    func tampered() async throws {
        try await withExport { file in
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let changed = text.replacing(#""model":"affine-demo/"#, with: #""model":"other/"#, maxReplacements: 1)
            try changed.write(toFile: file, atomically: true, encoding: .utf8)
            let ended = try await run("replay", "--archive", file, onData: false)
            #expect(ended.exitCode == 1)
            #expect(
                ended.errors.contains("line 1: contest 2: cha") && ended.errors.contains("this part was changed"),
                "\(ended.errors)")
            try "{}".write(toFile: file, atomically: true, encoding: .utf8)
            let empty = try await run("replay", "--archive", file, onData: false)
            #expect(
                empty.exitCode == 1 && empty.errors.contains("line 1 is not an exported contest"), "\(empty.errors)")
        }
    }

    @Test("explain names means, intervals, pivotal tasks with both sides, tries and the rule in words")
    func explain() async throws {
        let report = try await run("explain", "2", "--json").json()
        #expect(try report["verdict"] == FinishedDemo.current.report["verdict"])
        for environment in report["environments"]?.arrayValue ?? [] {
            let mean = try #require(environment["champion_mean"]?.doubleValue)
            let sum = try #require(environment["champion_sum_nano"]?.doubleValue)
            let tasks = try #require(environment["tasks"]?.doubleValue)
            #expect(abs(mean - sum / tasks / 1e9) < 1e-12)
        }
        #expect(report["environments"]?.arrayValue?.count == 2)
        let pivotal = try #require(report["pivotal"]?["changes"]?.arrayValue)
        #expect(report["answers"]?.arrayValue?.count == 2 * min(5, pivotal.count))
        #expect(report["answers"]?.arrayValue?.allSatisfy { $0["transcript"]?["messages"] != nil } == true)
        let text = try await run("explain", "2", "--tasks", "1").output
        for words in [
            "contest 2 of window 1: ", "flips with", "would have to be", "champion    scored", "environment faults",
            "A tie keeps the champion.", "champion                                         │ challenger",
            "── assistant",
        ] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test("a task's transcript shows what both sides were told once, and then their answers beside each other")
    func transcript() async throws {
        let pivotal = try #require(
            try await run("explain", "2", "--json").json()["pivotal"]?["changes"]?.arrayValue?.first)
        let environment = try #require(pivotal["environment"]?.stringValue)
        let task = try #require(pivotal["task"]?.integerValue)
        let text = try await run("transcript", "2", environment, "\(task)").output
        #expect(text.hasPrefix("── user\n") || text.hasPrefix("── system\n"))
        #expect(text.components(separatedBy: "challenger").count == 2 && text.contains("── assistant"))
        let sides = try await run("transcript", "2", environment, "\(task)", "--json").json().arrayValue ?? []
        #expect(sides.map { $0["side"] } == [.string("champion"), .string("challenger")])
        let absent = try await run("transcript", "2", environment, "999999999")
        #expect(
            absent.exitCode == 1
                && absent.errors.contains("no transcript of task 999999999 of '\(environment)' was kept"))
    }

    @Test("what-if counts verdicts under each hypothesis, and says which change and by how much")
    func whatif() async throws {
        let variants = try await run("whatif", "--all", "--margin", "0,0.9", "--json").json().arrayValue ?? []
        #expect(variants.map { $0["contests"] } == [.integer(1), .integer(1)])
        #expect(variants.map { $0["hypothesis"] } == [.string("margin 0"), .string("margin 0.9")])
        #expect(variants.last?["champion_keeps"] == .integer(1))
        let text = try await run("whatif", "2", "--margin", "abd=0.9").output
        #expect(text.contains("abd margin 0.9") && text.contains(": lost by "))
        let unknown = try await run("whatif", "2", "--margin", "xyz=0.1")
        #expect(
            unknown.exitCode == 0
                && unknown.output.contains(
                    "margin 'xyz' is not valid: expected one of the rule's environments: abd, ded")
        )
        let worker = try await run("whatif", "2", "--drop-worker", "nobody")
        #expect(worker.exitCode == 1 && worker.errors.contains("worker 'nobody' is not valid"))
    }

    @Test("the window's rule is shown in words, and its odds come from what the champion scored")
    func rule() async throws {
        let folder = try FinishedDemo.current.folder
        let shown = try await Program.run("rule", "show", "--data", folder, "--json").json()
        #expect(shown["window"] == .integer(1))
        #expect(shown["prose"]?.stringValue?.hasPrefix("The challenger takes the throne if") == true)
        let odds = try await Program.run("rule", "odds", "--data", folder, "--json").json()
        let environments = odds["environments"]?.arrayValue ?? []
        #expect(environments.map { $0["tasks"] } == [.integer(8), .integer(8)])
        #expect(environments.allSatisfy { $0["source"]?.stringValue?.contains("correlation assumed") == true })
        let copies = environments.compactMap { $0["copy"]?.doubleValue }
        #expect(odds["copy"]?.doubleValue == copies.reduce(1, *))
    }

    @Test("two exports of one contest agree, and a contest that one of them lacks is named")
    func difference() async throws {
        try await withExport { file in
            let same = try await Program.run("audit", "diff", file, file, "--json")
            #expect(same.exitCode == 0)
            let report = try same.json()
            #expect(report["agrees"] == .bool(true))
            let contest = try #require(report["contests"]?.arrayValue?.first)
            #expect(try contest["scores_of_a_under_rule_of_b"] == FinishedDemo.current.report["verdict"])
            let twice = file + "-twice"
            let line = try String(contentsOfFile: file, encoding: .utf8)
            try (line + line).write(toFile: twice, atomically: true, encoding: .utf8)
            let other = try await Program.run("audit", "diff", file, twice)
            #expect(other.exitCode == 1 && other.output.contains("only in B: contest 2"), "\(other.output)")
            try FileManager.default.removeItem(atPath: twice)
        }
    }

    @Test("the log's chain is verified with its verdicts, and a link that was noted otherwise is an error")
    func chain() async throws {
        let folder = try FinishedDemo.current.folder
        let sound = try await Program.run("doctor", "audit", "--data", folder, "--json")
        #expect(sound.exitCode == 0)
        let audit = try sound.json()
        #expect(audit["contests"] == .integer(1) && audit["problem"] == nil)
        let event = try #require(audit["head"]?["event"]?.integerValue)
        let digest = try #require(audit["head"]?["digest"]?.stringValue)
        let noted = try await Program.run("doctor", "audit", "--data", folder, "--link", "\(event)=\(digest)")
        #expect(noted.exitCode == 0 && noted.output.contains("link \(event)=\(digest)"))
        let forged = String(repeating: "0", count: 64)
        let wrong = try await Program.run("doctor", "audit", "--data", folder, "--link", "2=\(forged)")
        #expect(wrong.exitCode == 1 && wrong.output.contains("wrong: event 2 has digest "), "\(wrong.output)")
    }
}
