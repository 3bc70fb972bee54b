import Domain
import Glibc
import Postgres
import Subprocess
import TestSupport
import Testing

@Suite(.finishedDemo, .serialized, .timeLimit(.minutes(10))) struct DemoTests {
    @Test("The last line of 'af demo --json' says all that was asked for, and the replay agrees")
    func lastLine() throws {
        let report = try FinishedDemo.current.report
        guard case .object(let members) = report else {
            Issue.record("\(report) is no object")
            return
        }
        let wanted: Set = ["contest", "verdict", "digest", "outcome_digest", "replay", "jobs", "seconds"]
        #expect(wanted.isSubset(of: members.keys))
        #expect(["dethroned", "champion_keeps"].contains(report["verdict"]?.stringValue))
        for digest in [report["digest"], report["outcome_digest"], report["replay"]?["digest"]] {
            #expect(digest?.stringValue?.wholeMatch(of: /[0-9a-f]{64}/) != nil)
        }
        #expect(report["replay"]?["match"] == .bool(true))
        #expect(report["replay"]?["digest"] == report["digest"])
        let jobs = try #require(report["jobs"])
        let (run, cancelled) = (try #require(jobs["run"]?.integerValue), try #require(jobs["cancelled"]?.integerValue))
        #expect(jobs["planned"] == .integer(32))
        #expect(run + cancelled == 32)
        #expect(try #require(report["seconds"]?.doubleValue) > 0)
    }

    @Test("A replay afterwards comes to the same digest")
    func replay() async throws {
        let demo = try FinishedDemo.current
        let contest = try #require(demo.report["contest"]?.integerValue)
        let replayed = try await Program.run("contest", "replay", "\(contest)", "--json", "--data", demo.folder)
        #expect(replayed.exitCode == 0)
        #expect(try replayed.json()["match"] == .bool(true))
        #expect(try replayed.json()["digest"] == demo.report["digest"])
    }

    @Test(
        "What the demo wrote can be looked at as JSON",
        arguments: [
            (["rank"], ["champion", "contest", "window", "queue"]),
            (["weights"], ["snapshot", "block", "reign", "weights"]),
            (["miner", "list"], ["hotkey", "model", "revision", "first_block", "state"]),
            (
                ["contest", "list"],
                ["contest", "verdict", "champion", "challenger", "evidence_digest", "outcome_digest"]
            ),
            (["contest", "show", "2"], ["contest", "verdict", "reasons", "environments"]),
            (["env", "list"], ["name", "kind", "margin", "sampling_count", "dataset_ranges"]),
            (["env", "show", "abd"], ["name", "kind", "parameters"]),
            (["doctor"], ["check", "ok", "detail"]),
            (["db", "status"], ["number", "name", "state"]),
        ])
    func views(command: [String], members: [String]) async throws {
        let ended = try await Program.run(command + ["--json", "--data", try FinishedDemo.current.folder])
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let document = try ended.json()
        let rows = document.arrayValue ?? [document]
        #expect(!rows.isEmpty)
        for row in rows {
            for member in members { #expect(row[member] != nil, "\(member) is missing in \(row)") }
        }
    }

    @Test(
        "A list as CSV has the table's columns first, then all others, and the values that JSON has; read by Python's csv",
        arguments: [
            (["contest", "list"], "contest,window_id,champion,challenger,"),
            (["env", "list"], "name,kind,margin,sampling_count,"),
        ])
    func commaSeparated(command: [String], first: String) async throws {
        let folder = try FinishedDemo.current.folder
        let listed = try await Program.run(command + ["--output", "csv", "--data", folder])
        #expect(listed.exitCode == 0 && listed.output.hasPrefix(first), "\(listed.errors)")
        let rows = try #require(try await Program.run(command + ["--json", "--data", folder]).json().arrayValue)
        let reader =
            "import csv, io, json, sys; print(json.dumps(list(csv.DictReader(io.StringIO(sys.argv[1], newline='')))))"
        let read = try await Tool.run(["python3", "-c", reader, listed.output])
        let parsed = try #require(JSONValue(json: Array(read.utf8))?.arrayValue)
        #expect(parsed.count == rows.count)
        for (read, row) in zip(parsed, rows) {
            guard case .object(let members) = row, case .object(let fields) = read else {
                Issue.record("\(row) or \(read) is no row")
                continue
            }
            #expect(Set(fields.keys) == Set(members.keys))
            for (name, value) in members {
                let text = fields[name]?.stringValue ?? ""
                if let string = value.stringValue { #expect(text == string, "\(name)") }
                if let number = value.doubleValue { #expect(Double(text) == number, "\(name)") }
                if value == .null { #expect(text.isEmpty, "\(name)") }
                if let list = value.arrayValue { #expect(JSONValue(json: Array(text.utf8)) == .array(list), "\(name)") }
            }
        }
    }

    @Test("The doctor finds nothing wrong with a private cluster, and says what it looked at")
    func doctor() async throws {
        let ended = try await Program.run("doctor", "--json", "--data", try FinishedDemo.current.folder)
        #expect(ended.exitCode == 0, "\(ended.output) \(ended.errors)")
        let checks = Set(try ended.json().arrayValue?.compactMap { $0["check"]?.stringValue } ?? [])
        let wanted: Set = [
            "sandbox", "database", "clock", "schema", "queue", "oldest_snapshot", "dead_tuples", "floor_lag",
            "oldest_ready_age", "overdue_leases", "silent_workers", "connections", "blocked_session", "setting",
        ]
        #expect(checks == wanted)
    }

    @Test("What the views say fits the verdict")
    func viewsAgree() async throws {
        let demo = try FinishedDemo.current
        let rank = try await Program.run("rank", "--json", "--data", demo.folder).json()
        #expect(rank["champion"]?["model"] == demo.report["champion"])
        let weights = try #require(
            try await Program.run("weights", "--json", "--data", demo.folder).json()["weights"]?.arrayValue)
        #expect(weights.count { $0["weight"]?.doubleValue == 1 } == 1)
        #expect(weights.first { $0["weight"]?.doubleValue == 1 }?["hotkey"] == rank["champion"]?["hotkey"])
        #expect(Processes.working(in: demo.folder).isEmpty, "a server was left running")
    }

    @Test("A worker killed with work in hand changes nothing: the same digests")
    func killedWorker() async throws {
        let ended = try await withDataFolder { folder in
            let result = try await Subprocess.run(
                .path(Program.path()), arguments: Arguments(FinishedDemo.arguments + [folder]),
                environment: Program.surroundings(), input: .none, output: .string(limit: 1 << 20),
                error: .string(limit: 1 << 20)
            ) { demo in
                try await Assassin(demo: demo.processIdentifier.value, folder: folder).strike()
            }
            return Program.Ended(
                exitCode: result.terminationStatus.code, output: result.standardOutput,
                errors: result.standardError)
        }
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let (disturbed, calm) = (try ended.json(), try FinishedDemo.current.report)
        #expect(disturbed["digest"] == calm["digest"])
        #expect(disturbed["outcome_digest"] == calm["outcome_digest"])
        #expect(disturbed["verdict"] == calm["verdict"])
        #expect(disturbed["replay"]?["match"] == .bool(true))
    }
}

/// Kills one worker process of a demo while it holds a lease, after some jobs are done.
private struct Assassin {
    struct Missed: Error {}

    let demo: Int32
    let folder: String

    func strike() async throws {
        let url = "postgresql:///affine?host=\(folder)&user=postgres"
        let database = Database(DatabaseSettings(url: url), logger: FreshDatabase.logger)
        let result: Result<Void, any Error>
        do { result = .success(try await strike(database)) } catch { result = .failure(error) }
        await database.close()
        try result.get()
    }

    private func strike(_ database: Database) async throws {
        while kill(demo, 0) == 0 {
            try await Task.sleep(for: .milliseconds(20))
            // Until the cluster is there and migrated, asking fails.
            guard let held = try? await database.run(FindWorkerAtWork()).first,
                let victim = workers().first(where: { Processes.arguments(of: $0).contains(held) })
            else { continue }
            // Stopped, it can't report between the look and the blow.
            kill(victim, SIGSTOP)
            if try await database.run(FindWorkerAtWork(name: held)).first != nil {
                kill(victim, SIGKILL)
                return
            }
            kill(victim, SIGCONT)
        }
        throw Missed()
    }

    private func workers() -> [Int32] {
        Processes.all().filter { Processes.parent(of: $0) == demo && Processes.arguments(of: $0).contains("worker") }
    }
}

private struct FindWorkerAtWork: Statement {
    static let sql = """
        SELECT w.name FROM affine.lease l JOIN affine.worker w ON w.id = l.worker
        WHERE ($1::text IS NULL OR w.name = $1) AND (SELECT count(*) FROM affine.attempt) >= 3 LIMIT 1
        """
    var name: String?
    func bind(_ bindings: inout Bindings) { bindings.append(name) }
    static func decode(_ row: inout RowReader) throws(PostgresError) -> String { try row.next() }
}
