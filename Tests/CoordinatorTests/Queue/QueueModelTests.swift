import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// The real SQL against the model, in random interleavings of everything that workers and coordinators call.
@Suite(.migratedDatabase, .timeLimit(.minutes(10))) struct QueueModelTests {
    /// `AFFINE_QUEUE_ROUNDS` asks for more than a test run has time for.
    private static let rounds = ProcessInfo.processInfo.environment["AFFINE_QUEUE_ROUNDS"].flatMap { Int($0) } ?? 30

    @Test(
        "in thousands of random interleavings every answer is as promised, and every job ends once",
        arguments: 1...4)
    func interleavings(seed: Int) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepareQueue("ab", attempts: 3)
            var random = SeededRandom(seed: seed)
            var steps = 0
            for _ in 1...Self.rounds {
                let evaluation = try await stage.plan(miners[1], jobs: 14)
                var game = try await QueueGame(
                    stage: stage, miner: miners[1], evaluation: evaluation, random: random)
                try await game.play()
                random = game.random
                steps += game.steps
                try await stage.endEvaluations()
            }
            #expect(steps > Self.rounds * 20)
        }
    }
}

/// One evaluation, played to its end by three workers that do what workers do, and worse.
private struct QueueGame {
    private let stage: Stage
    private let miner: TestMiner
    private let evaluation: Int64
    private var model = QueueModel(jobs: 14, maximumAttempts: 3)
    private var workers: [FakeWorker] = []
    private var deployment: Int64 = 0
    private var generation: Int
    /// Every lease there ever was, and who got it.
    private var everLeased: [(lease: Lease, worker: FakeWorker)] = []
    var random: SeededRandom
    private(set) var steps = 0

    init(stage: Stage, miner: TestMiner, evaluation: Int64, random: SeededRandom) async throws {
        self.stage = stage
        self.miner = miner
        self.random = random
        self.evaluation = evaluation
        generation = Int(evaluation) * 1_000
        for _ in 1...3 { workers.append(try await .registered(on: stage, ttl: 600_000)) }
        try await serve()
    }

    mutating func play() async throws {
        while (0..<14).contains(where: { !model.isFinal($0) }) {
            steps += 1
            try #require(steps < 1_000, "the jobs do not come to an end")
            switch random.int(1...100) {
            case ...40: try await claim()
            case ...75: try await settle()
            case ...81: try await rescue()
            case ...90: try await backUp()
            case ...95: try await release()
            case ...98: try await stopWorker()
            default: try await replaceModel()
            }
            if random.chance(25) { try await compare() }
        }
        for (lease, worker) in everLeased {
            // Late and repeated reports of everything, after the end.
            let reports = lease.positions.map { (lease, $0, Answer.scored(1)) }
            try await settle(reports, by: worker, finished: [lease.id])
        }
        try await compare()
        try await #expect(
            stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final AND evaluation = \(evaluation)") == "14")
    }

    private mutating func serve() async throws {
        generation += 1
        deployment = try await workers[0].serve(miner, at: "http://\(generation).example")
    }

    private mutating func claim() async throws {
        let worker = random.pick(workers)
        let runs = random.int(1...6)
        let leases = try await worker.claimTogether(deployment, runs: Int32(runs))
        var taken: [UUID: QueueModel.Held] = [:]
        for lease in leases {
            let straggler = try await stage.owner.value("SELECT straggler FROM affine.lease WHERE id = '\(lease.id)'")
            taken[lease.id] = QueueModel.Held(
                worker: worker.id, attempt: lease.attempt, straggler: UUID(uuidString: straggler),
                positions: Set(lease.positions))
        }
        let isAllowed = model.claim(taken, leaving: try await ready(), by: worker.id, runs: runs)
        #expect(isAllowed, "the queue gave what it did not have, or kept back what it had")
        everLeased += leases.map { ($0, worker) }
    }

    private func ready() async throws -> [QueueModel.Waiting] {
        try await stage.owner.column(
            """
            SELECT concat_ws(' ', p, attempt, straggler)
            FROM affine.ready, generate_series(from_position, to_position) AS p
            """
        ).map { row in
            let fields = row.split(separator: " ")
            return QueueModel.Waiting(
                position: try #require(Int32(fields[0])), attempt: try #require(Int16(fields[1])),
                straggler: fields.count > 2 ? UUID(uuidString: String(fields[2])) : nil)
        }
    }

    /// Some reports of one worker's leases, held or not, some of them twice or of positions that are not theirs.
    private mutating func settle() async throws {
        guard !everLeased.isEmpty else { return }
        let worker = random.pick(everLeased.suffix(12)).worker
        var reports: [(Lease, Int32, Answer)] = []
        var met: Set<Int32> = []
        for (lease, holder) in everLeased.suffix(12) where holder.id == worker.id && random.chance(60) {
            for position in lease.positions where !met.contains(position) && random.chance(70) {
                let answers = [
                    Answer.scored(500), .scored(500), .scored(200), .modelFault, .infraFault, .environmentFault,
                ]
                reports.append((lease, position, random.pick(answers)))
                if random.chance(10) { reports.append((lease, position, random.pick(answers))) }
            }
            met.formUnion(lease.positions)
        }
        let finished = Set(reports.map(\.0.id)).sorted { $0.uuidString < $1.uuidString }.filter { _ in random.chance(70)
        }
        let sender = random.chance(95) ? worker : random.pick(workers)
        try await settle(reports, by: sender, finished: finished)
    }

    private mutating func settle(_ reports: [(Lease, Int32, Answer)], by worker: FakeWorker, finished: [UUID])
        async throws
    {
        let sent = reports.map { lease, position, answer in
            Report(job: Job(lease: lease, miner: "b", position: position, task: 0), answer: answer)
        }
        let answers = try await worker.database.run(Settle(worker: worker.id, reports: sent, finished: finished))
        var told: Set<[AnyHashable]> = []
        let expected = reports.map { lease, position, answer in
            model.report(
                lease.id, position, isOwn: answer.outcome == .scored || answer.outcome == .modelFault, by: worker.id,
                isFirst: told.insert([lease.id, position]).inserted)
        }
        #expect(answers == expected)
        for lease in finished { model.finish(lease, by: worker.id) }
    }

    private mutating func rescue() async throws {
        let lost = held { $0.chance(40) }
        try await mark(lost, "expires_at")
        _ = try await stage.coordinator.value("SELECT affine.rescue()")
        model.requeue(lost, counted: true)
    }

    private mutating func backUp() async throws {
        let late = held { $0.chance(60) }
        // A slow machine makes nothing late.
        try await stage.owner.execute("UPDATE affine.lease SET claimed_at = now() + interval '1 hour'")
        try await mark(late, "claimed_at")
        _ = try await stage.coordinator.value("SELECT affine.back_up()")
        model.backUp(late: late)
    }

    private mutating func release() async throws {
        guard let (lease, worker) = everLeased.last else { return }
        let positions = lease.positions.filter { _ in random.chance(50) }
        let jobs = positions.map { Job(lease: lease, miner: "b", position: $0, task: 0) }
        try await worker.database.run(Release(worker: worker.id, jobs: jobs))
        model.release(lease.id, positions, by: worker.id)
    }

    private mutating func stopWorker() async throws {
        let index = random.int(0...2)
        try await workers[index].stop()
        model.requeue(model.leases.filter { $0.value.worker == workers[index].id }.map(\.key), counted: false)
        workers[index] = try await .registered(on: stage, ttl: 600_000)
    }

    /// Another model appears at the URL, and the right one elsewhere.
    private mutating func replaceModel() async throws {
        try await workers[0].serve(TestMiner("z"), at: "http://\(generation).example")
        model.requeue(Array(model.leases.keys), counted: false)
        try await serve()
    }

    private mutating func held(where isChosen: (inout SeededRandom) -> Bool) -> [UUID] {
        var chosen: [UUID] = []
        for lease in model.leases.keys.sorted(by: { $0.uuidString < $1.uuidString }) where isChosen(&random) {
            chosen.append(lease)
        }
        return chosen
    }

    private func mark(_ leases: [UUID], _ column: String) async throws {
        let ids = leases.map { "'\($0)'" }.joined(separator: ",")
        guard !ids.isEmpty else { return }
        try await stage.owner.execute("UPDATE affine.lease SET \(column) = '2000-01-01' WHERE id IN (\(ids))")
    }

    /// The tables hold what the model holds. Which of two lost backups of a job a rescue wrote down does not matter.
    private func compare() async throws {
        let rows = try await stage.owner.column(
            """
            SELECT concat_ws(' ', 'ready', p, attempt, upper(straggler::text))
            FROM affine.ready, generate_series(from_position, to_position) AS p
            UNION ALL SELECT 'lease ' || upper(id::text) || ' ' || affine.each_position(positions) FROM affine.lease
            UNION ALL SELECT concat_ws(' ', 'attempt', position, attempt, CASE WHEN backup THEN 'backup' END,
                CASE WHEN final THEN 'final' END, CASE WHEN error_code IS DISTINCT FROM 'lease_lost' THEN upper(lease::text) END)
            FROM affine.attempt WHERE window_id = 1 AND evaluation = \(evaluation)
            """)
        let ready = model.ready.map { words("ready", $0.position, $0.attempt, $0.straggler) }
        let leases = model.leases.flatMap { id, held in held.positions.map { words("lease", id, $0) } }
        let attempts = model.attempts.map {
            words(
                "attempt", $0.position, $0.attempt, $0.isBackup ? "backup" : nil, $0.isFinal ? "final" : nil,
                $0.reporter == nil ? nil : $0.lease)
        }
        #expect(rows.sorted() == (ready + leases + Set(attempts)).sorted())
    }

    private func words(_ values: (any CustomStringConvertible)?...) -> String {
        values.compactMap { $0?.description }.joined(separator: " ")
    }
}
