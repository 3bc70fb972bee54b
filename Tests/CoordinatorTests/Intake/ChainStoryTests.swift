import Coordinator
import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("A recorded chain from its first block to its last", .migratedDatabase, .serialized, .timeLimit(.minutes(10)))
struct ChainStoryTests {
    /// What both ways of playing led to.
    private static let reports = Mutex<[ChainReplay.Report]>([])

    @Test(
        "50,000 blocks with 300 miners of every kind lead to the expected end, and to the same one when all connections are cut 50 times",
        arguments: [0, 50])
    func story(kills: Int) async throws {
        try await FreshDatabase.current.database.execute(Database.rowsFunction)
        let story = try ChainStory()
        let report = try await play(story, kills: kills)
        #expect(report.blocks == story.blocks.count && report.head == ChainStory.first + ChainStory.length - 4)
        try await check(story)
        let first = Self.reports.withLock { reports in
            reports.append(report)
            return reports[0]
        }
        #expect(report == first)
    }

    /// What the story says of each miner, beside what the arena made of it.
    private func check(_ story: ChainStory) async throws {
        let fresh = FreshDatabase.current.database
        let reasons = try await fresh.column(
            "SELECT hotkey || ' ' || regexp_replace(reason, '[:=].*', '') FROM affine.admission WHERE state = 'refused'"
        )
        let refused = Dictionary(
            uniqueKeysWithValues: reasons.map { line in
                let parts = line.split(separator: " ")
                return (String(parts[0]), String(parts[1]))
            })
        let words = [
            "json": "invalid_json_commit", "fields": "incomplete_commit", "name": "model_name_missing_affine",
            "suffix": "repo_name_not_ending_with_hotkey", "missing": "hf_repo_not_found", "gated": "hf_repo_gated",
            "revision": "revision_mismatch", "copy": "plagiarism", "swapped": "hotkey_swapped_no_registration",
            "history": "duplicate_repo",
        ]
        for (index, miner) in story.miners.enumerated() {
            let flaw = ChainStory.flaw(of: index + 1)
            #expect(refused[miner.hotkey.rawValue] == flaw.flatMap { words[$0] }, "miner \(index + 1)")
        }
        let twice = try await fresh.column(
            "SELECT hotkey FROM affine.admission WHERE reason = 'multiple_commits:count=2' ORDER BY hotkey")
        #expect(twice == story.miners(with: "twice").map(\.hotkey.rawValue).sorted() && !twice.isEmpty)
        // Nothing of the blocks that were given up is left.
        try await #expect(fresh.value("SELECT count(*) FROM affine.reveal WHERE payload = '{}'") == "0")
        try await #expect(
            fresh.value("SELECT count(*) FROM affine.miner WHERE state IN ('pending', 'contesting')") == "0")
        // Every window was drawn 7,200 blocks after the one before it, and weights went out every 180 blocks.
        try await #expect(fresh.value("SELECT count(*) FROM affine.task_window") == "7")
        try await #expect(
            fresh.value("SELECT count(*) FROM affine.weight_emission WHERE status <> 'final'") == "0")
        try await #expect(
            fresh.value(
                "SELECT max(gap) < 400 FROM (SELECT block - lag(block) OVER (ORDER BY id) AS gap FROM affine.weight_emission) g"
            ) == "true")
        // The champion of block 30,000 was gone from then on: all was burnt until the next one came.
        try await #expect(
            fresh.value("SELECT count(*) > 0 FROM affine.weight_emission WHERE uids = '{0}'") == "true")
        try await #expect(
            fresh.column("SELECT count(*) FROM affine.reign") == ["6"])
    }

    /// Plays the story; with kills all connections to the database are cut that often in the middle of it, and everything
    /// begins anew from what is stored.
    private func play(_ story: ChainStory, kills: Int) async throws -> ChainReplay.Report {
        let killer = Task {
            var random = SeededRandom(seed: 99)
            var cuts = 0
            while cuts < kills, !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(random.int(20...250)))
                let cut = try await FreshDatabase.current.database.value(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                    """)
                cuts += cut == "0" ? 0 : 1
            }
            return cuts
        }
        var lives = 0
        while true {
            lives += 1
            do {
                let report = try await attempt(story)
                killer.cancel()
                #expect(kills == 0 ? lives == 1 : lives > 5, "\(lives) lives")
                return report
            } catch let error as PostgresError where lives <= kills + 1 && Self.isCut(error) {
                continue
            }
        }
    }

    private static func isCut(_ error: PostgresError) -> Bool {
        [.connectionLost, .connectionFailed].contains(error.code)
            || ["57P01", "57P02", "57P03"].contains(error.sqlState)
    }

    /// One life of a coordinator and a worker.
    private func attempt(_ story: ChainStory) async throws -> ChainReplay.Report {
        let hub = story.hub()
        let pools = try ["affine_coordinator", "affine_worker"].map { try Stage.pool(as: $0) }
        let result: Result<ChainReplay.Report, any Error>
        do {
            try await EnvironmentCatalogue(database: pools[0]).define(
                ["abd", "ded"].map { try .test($0, count: 2, attempts: 100) }, actor: "test")
            let fleet = try await Fleet(database: pools[1], coordinator: pools[0], miners: story.miners)
            let replay = ChainReplay(
                database: pools[0], contests: ArenaSettings(), hub: hub.client, policy: AdmissionPolicy(),
                settings: ChainReplay.Settings(), logger: FreshDatabase.logger)
            result = .success(try await replay.play(story.blocks, settle: { try await fleet.work() }))
        } catch { result = .failure(error) }
        for pool in pools { await pool.close() }
        return try result.get()
    }
}

/// A worker that serves every miner's model.
private struct Fleet: Sendable {
    let worker: FakeWorker
    let coordinator: Database
    let deployments: [Int64]
    /// The number of each model's miner.
    let numbers: [String: Int]

    init(database: Database, coordinator: Database, miners: [ChainMiner]) async throws {
        worker = FakeWorker(database: database)
        self.coordinator = coordinator
        // Workers of earlier lives are silent at once; what they held goes back.
        try await database.run(RegisterWorker(worker: worker.id, ttl: 1_000))
        try await coordinator.run(RescueAll())
        var deployments: [Int64] = []
        for miner in miners {
            let model = try ModelReference(repository: miner.repository, revision: miner.revision)
            let made = try await database.run(
                RegisterDeployment(worker: worker.id, url: "http://\(miner.uid).example", model: model))
            deployments.append(made.first?.deployment ?? 0)
        }
        self.deployments = deployments
        numbers = Dictionary(uniqueKeysWithValues: miners.enumerated().map { ($1.hotkey.rawValue, $0 + 1) })
    }

    /// Does what is queued; returns whether there was anything.
    func work() async throws -> Bool {
        _ = try await worker.heartbeat()
        try await coordinator.run(RescueAll())
        let leases = try await worker.database.run(
            Claim(worker: worker.id, deployments: deployments, environments: nil, runs: 64))
        guard !leases.isEmpty else {
            let queued = try await coordinator.run(CountQueued()).first ?? 0
            if queued > 0 { try await Task.sleep(for: .milliseconds(50)) }
            return queued > 0
        }
        let hotkeys = Dictionary(
            uniqueKeysWithValues: try await coordinator.run(FindHotkeys(evaluations: leases.map(\.evaluation))))
        let reports = leases.flatMap { lease in
            let number = hotkeys[lease.evaluation].flatMap { numbers[$0] } ?? 0
            return lease.jobs(of: "?").map {
                Report(job: $0, answer: .scored(ChainStory.strength(of: number) + $0.task % 7))
            }
        }
        _ = try await worker.settle(reports)
        return true
    }
}

private struct RescueAll: Statement {
    static let sql = "SELECT affine.rescue()"
}

private struct CountQueued: Statement {
    static let sql = "SELECT (SELECT count(*) FROM affine.ready) + (SELECT count(*) FROM affine.lease)"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}

private struct FindHotkeys: Statement {
    static let sql = "SELECT DISTINCT id, hotkey FROM affine.evaluation WHERE id = ANY ($1)"
    var evaluations: [Int64]
    func bind(_ bindings: inout Bindings) { bindings.append(evaluations) }

    static func decode(_ row: inout RowReader) throws(PostgresError) -> (Int64, String) {
        (try row.next(), try row.next())
    }
}
