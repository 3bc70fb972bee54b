import Coordinator
import Domain

extension Stage {
    /// A worker with a deployment of every miner's model.
    func crew(_ miners: [TestMiner]) async throws -> Crew {
        let worker = try await FakeWorker.registered(on: self)
        var deployments: [(miner: Character, deployment: Int64)] = []
        for miner in miners { deployments.append((miner.letter, try await worker.serve(miner))) }
        return Crew(worker: worker, deployments: deployments)
    }

    /// Advances and works in turns until neither changes anything; returns what the arena waits for.
    @discardableResult
    func play(_ miners: [TestMiner], runs: Int = 4, _ judge: Judge) async throws -> String {
        let crew = try await crew(miners)
        while true {
            let waiting = try await arena.advance()
            guard try await crew.work(runs: runs, judge) > 0 else { return waiting }
        }
    }

    /// Works until nothing is ready, without advancing.
    func drain(_ crew: Crew, _ judge: Judge) async throws {
        while try await crew.work(runs: 8, judge) > 0 {}
    }

    // Short questions that many tests ask.

    func state(of miner: TestMiner) async throws -> String {
        try await owner.value("SELECT state FROM affine.miner WHERE hotkey = '\(miner.hotkey)'")
    }

    /// The verdicts in order, `null` for a contest that runs.
    func verdicts() async throws -> [String] {
        try await owner.column("SELECT verdict FROM affine.contest ORDER BY id")
    }

    func champion() async throws -> [String] {
        try await owner.column("SELECT right(hotkey, 1) FROM affine.reign WHERE to_block IS NULL")
    }

    func events(_ kind: String) async throws -> Int {
        try await owner.column("SELECT id FROM affine.event WHERE kind = '\(kind)'").count
    }

    /// Whether anybody still waits or plays.
    func isGoingOn() async throws -> Bool {
        try await owner.value("SELECT count(*) FROM affine.miner WHERE state IN ('pending', 'contesting')") != "0"
    }

    /// Whether any job is waiting or being worked on.
    func queue() async throws -> String {
        try await owner.value(
            "SELECT (SELECT count(*) FROM affine.ready) || ' ready, ' || (SELECT count(*) FROM affine.lease) || ' leased'"
        )
    }

    func contests() async throws -> [ContestID] {
        try await owner.column("SELECT id FROM affine.contest ORDER BY id").compactMap(Int64.init)
            .map(ContestID.init(rawValue:))
    }
}

/// A worker and what it serves.
struct Crew: Sendable {
    let worker: FakeWorker
    let deployments: [(miner: Character, deployment: Int64)]

    /// Claims and settles once for each deployment; returns how many reports it sent.
    func work(runs: Int, _ judge: Judge) async throws -> Int {
        var sent = 0
        for (miner, deployment) in deployments {
            let leases = try await worker.claimTogether(deployment, runs: Int32(runs))
            let reports = leases.flatMap { $0.jobs(of: miner) }.map { Report(job: $0, answer: judge($0)) }
            guard !reports.isEmpty else { continue }
            _ = try await worker.settle(reports)
            sent += reports.count
        }
        return sent
    }
}
