import Domain
import Foundation
import Postgres

/// Jobs that were claimed together.
struct Lease: Sendable {
    let id: UUID
    let evaluation: Int64
    let environmentID: Int16
    let attempt: Int16
    let positions: [Int32]
    /// The tasks at `positions`.
    let tasks: [Int64]
    let environment: String

    /// The lease's jobs, each with the miner whose model the deployment serves.
    func jobs(of miner: Character) -> [Job] {
        positions.indices.map { Job(lease: self, miner: miner, position: positions[$0], task: tasks[$0]) }
    }
}

/// What a job asks, as a test's judge sees it.
struct Job: Sendable {
    let lease: Lease
    let miner: Character
    let position: Int32
    let task: Int64

    var environment: String { lease.environment }
}

/// How a job ends when a judge says so.
struct Answer: Sendable {
    let outcome: Outcome
    var score: Score?
    var code: String?
    var evidence: String?
    /// Nil where nobody counted.
    var tokens: Int32?

    /// In thousandths.
    static func scored(_ thousandths: Int64, tokens: Int32? = nil) -> Answer {
        Answer(outcome: .scored, score: Score(nano: thousandths * 1_000_000), tokens: tokens)
    }

    static let modelFault = Answer(outcome: .modelFault, code: "timeout")
    static let infraFault = Answer(outcome: .infraFault, code: "engine_away")
    static let environmentFault = Answer(outcome: .environmentFault, code: "scorer_crashed")
    static let ungradable = Answer(
        outcome: .environmentFault, code: "ungradable", evidence: "fails on an empty answer too")
}

struct Report: Sendable {
    let job: Job
    let answer: Answer
}

/// Answers jobs; a pure function, so that who asks and when makes no difference.
typealias Judge = @Sendable (Job) -> Answer

/// Drives the worker functions as a worker does, with the rights of one.
struct FakeWorker: Sendable {
    let id = UUID()
    let database: Database

    static func registered(on stage: Stage, ttl: Int32 = 60_000) async throws -> FakeWorker {
        let worker = FakeWorker(database: stage.workers)
        try await stage.workers.run(RegisterWorker(worker: worker.id, ttl: ttl))
        return worker
    }

    /// Says that a miner's model is served, at its own URL unless another is given; returns the deployment.
    @discardableResult
    func serve(_ miner: TestMiner, at url: String? = nil) async throws -> Int64 {
        try await database.run(RegisterDeployment(worker: id, url: url ?? miner.url, model: miner.model))
            .first?.deployment ?? 0
    }

    /// Claims runs one by one, each as a lease of its own, as long as there are any.
    func claim(_ deployment: Int64, _ environments: [String]? = nil, runs: Int = 1) async throws -> [Lease] {
        var leases: [Lease] = []
        for _ in 0..<runs {
            let claimed = try await claimTogether(deployment, environments, runs: 1)
            guard !claimed.isEmpty else { break }
            leases += claimed
        }
        return leases
    }

    /// Claims several runs at once.
    func claimTogether(_ deployment: Int64, _ environments: [String]? = nil, runs: Int32) async throws -> [Lease] {
        try await database.run(
            Claim(worker: id, deployments: [deployment], environments: environments, runs: runs))
    }

    func settle(_ reports: [Report]) async throws -> [String] {
        try await database.run(Settle(worker: id, reports: reports))
    }

    /// Settles all jobs of leases with the same answer.
    func settle(_ leases: [Lease], _ answer: Answer) async throws -> [String] {
        try await settle(leases.flatMap { $0.jobs(of: "?") }.map { Report(job: $0, answer: answer) })
    }

    /// Hands back whatever of the leases was not reported; returns how many jobs that was.
    @discardableResult
    func release(_ leases: [Lease]) async throws -> Int32 {
        try await database.run(Release(worker: id, jobs: leases.flatMap { $0.jobs(of: "?") })).first ?? 0
    }

    func stop() async throws { try await database.run(StopWorker(worker: id)) }

    func heartbeat() async throws -> Bool { try await database.run(Heartbeat(worker: id)).first ?? false }
}
