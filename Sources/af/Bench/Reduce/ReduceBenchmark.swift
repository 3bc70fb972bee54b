import Coordinator
import Domain
import FoundationEssentials
import Postgres
import Rules
import Subprocess
import SystemPackage

/// Times replay and what-if of a whole history.
struct ReduceBenchmark: Sendable {
    let database: BenchDatabase
    let load: ReduceLoad
    let rounds: Int

    func run() async throws -> ReduceReport {
        try await load.seed(database.owner, isRunning: false)
        let history = ContestHistory(database: database.owner)
        try await storeVerdicts(history)

        var results: [ReplayResult] = []
        let replay = try await best { results = try await history.replay(.all) }
        let copy = try await best { try await copyOut() }
        let records = try await history.map(.all) { ($0.contest, try $0.record.get(), $0.stored) }
        let hypotheses = try hypotheses()
        let whatif = try await best {
            _ = try await inParallel(records.count) { index in
                let (contest, record, stored) = records[index]
                return WhatifOutcome.all(contest, record, stored, under: hypotheses, dropping: [:]).count
            }
        }
        let pairs = load.contests * load.environments * load.tasks
        return ReduceReport(
            contests: load.contests, rows: pairs + load.environments * load.tasks, pairs: pairs,
            matches: results.count == load.contests && results.allSatisfy(\.match),
            times: .init(replaySeconds: replay, copySeconds: copy, whatifSeconds: whatif))
    }

    /// As the contests' decisions would have stored them.
    private func storeVerdicts(_ history: ContestHistory) async throws {
        let decided = try await history.map(.all) { past in
            let record = try past.record.get()
            return StoreVerdicts.Decided(contest: past.contest, verdict: record.decide(), digests: record.digests())
        }
        try await database.owner.withSession { session in
            try session.execute("SET session_replication_role = replica")
            _ = try session.run(StoreVerdicts(decided: decided))
            try session.execute("SET session_replication_role = origin")
            try session.execute("VACUUM ANALYZE affine.contest, affine.contest_environment")
        }
    }

    private func best(_ body: () async throws -> Void) async throws -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
            let started = ContinuousClock.now
            try await body()
            best = min(best, (ContinuousClock.now - started) / .seconds(1))
        }
        return best
    }

    private func copyOut() async throws {
        let sql = """
            COPY (SELECT evaluation, environment, position, outcome, score_nano FROM affine.attempt WHERE window_id = 1 AND final)
            TO STDOUT
            """
        let ended = try await Subprocess.run(
            .name("psql"), arguments: ["-X", "-q", "-d", database.ownerURL, "-c", sql], output: .discarded,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        guard ended.terminationStatus.isSuccess else {
            throw CommandError("psql ended with \(ended.terminationStatus)")
        }
    }

    private func hypotheses() throws -> [NamedHypothesis] {
        let own = try load.rule
        let pareto = try RuleDocument(
            kind: PartialPareto(minDominant: 1),
            environments: own.environments.map { environment in
                let terms = environment.terms
                return RuleEnvironment(
                    name: environment.name,
                    terms: EnvironmentTerms(
                        bounds: terms.bounds, margin: terms.margin, samplingCount: terms.samplingCount,
                        tolerance: .additive(Score(nano: 20_000_000))))
            }, stopping: .exact)
        return [own, pareto].flatMap { rule in
            (0...5).map { step in
                NamedHypothesis(hypothesis: Hypothesis(rule: rule, margin: Score(nano: Int64(step) * 10_000_000)))
            }
        }
    }
}

/// Times the decision of one contest in a process of its own.
struct HugeContest: Sendable {
    let database: BenchDatabase
    let load: ReduceLoad

    func run() async throws -> ReduceReport.Decision {
        try await load.seed(database.owner, isRunning: true)
        let ended = try await Subprocess.run(
            .path("/proc/self/exe"), arguments: ["bench", "decide"],
            environment: .inherit.updating(["AFFINE_DATABASE_URL": database.ownerURL]), output: .string(limit: 1 << 20),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        guard ended.terminationStatus.isSuccess else {
            throw CommandError("the deciding process ended with \(ended.terminationStatus)")
        }
        var decision = try JSONDecoder().decode(
            ReduceReport.Decision.self, from: Data(ended.standardOutput.utf8))
        decision.jobs = load.environments * load.tasks
        let verdicts = try await database.owner.run(CountVerdicts()).first ?? 0
        guard verdicts == 1 else { throw CommandError("the huge contest was not decided") }
        return decision
    }
}

private struct CountVerdicts: Statement {
    static let sql = "SELECT count(*) FROM affine.contest WHERE state = 'decided'"
    static func decode(_ row: inout RowReader) throws(PostgresError) -> Int64 { try row.next() }
}
