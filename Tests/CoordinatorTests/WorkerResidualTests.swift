import Coordinator
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@Suite("Residuals of workers", .migratedDatabase) struct WorkerResidualTests {
    /// As hard as the task is, with some luck: both sides fail and succeed together, as models do.
    private static func score(_ job: Job) -> Int64 {
        let luck = (job.task &* 104_729 &+ (job.miner == "a" ? 1 : 2) &* 31_337) % 300
        return (job.task &* 7_919) % 1_000 / 2 + luck
    }

    /// Plays a contest with four workers who take as many jobs in turn; the third one's machine adds to scores.
    private func play(_ stage: Stage, shift: Int64, atOnce: Int) async throws -> [String] {
        let miners = try await stage.prepare("ab", count: 60)
        var crews: [Crew] = []
        for _ in 0..<4 { crews.append(try await stage.crew(miners)) }
        var sent = 1
        while sent > 0 {
            try await stage.arena.advance()
            sent = 0
            for (index, crew) in crews.enumerated() {
                sent += try await crew.work(runs: atOnce) { .scored(Self.score($0) + (index == 2 ? shift : 0)) }
            }
        }
        return crews.map { $0.worker.id.uuidString.lowercased() }
    }

    @Test("a machine that shifts scores stands out, by about as much as it adds, and the doctor is told")
    func shifted() async throws {
        try await Stage.with({ $0.curtail = false }) { stage in
            let workers = try await play(stage, shift: 200, atOnce: 3)
            let outliers = try await Reports(database: stage.coordinator).outlyingWorkers()
            let strangest = try #require(outliers.first)
            #expect(strangest.worker == workers[2] && strangest.z > 4.5 && strangest.jobs > 50)
            // Beside three others that do not, it lies three quarters of the shift above the mean of all.
            #expect(abs(strangest.meanResidual - 0.15) < 0.06, "\(strangest.meanResidual)")
        }
    }

    @Test(
        "machines that do not are left alone, also when one got the easy tasks and another the hard ones",
        arguments: [3, 30])
    func honest(atOnce: Int) async throws {
        try await Stage.with({ $0.curtail = false }) { stage in
            _ = try await play(stage, shift: 0, atOnce: atOnce)
            try await #expect(Reports(database: stage.coordinator).outlyingWorkers() == [])
            try await #expect(
                stage.owner.value("SELECT count(*) FROM ops.worker_residuals WHERE z IS NOT NULL") == "4")
        }
    }

    @Test(
        "while an evaluation runs its sums tell how far each worker's scores lie from the mean of all, wherever summing got to"
    )
    func running() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab", count: 40)
            try await stage.arena.advance()
            var crews: [Crew] = []
            for _ in 0..<3 { crews.append(try await stage.crew(miners)) }
            for (index, crew) in crews.enumerated() {
                _ = try await crew.work(runs: 12) { job in
                    job.task % 5 == 0 ? .modelFault : .scored(Self.score(job) + Int64(index) * 100)
                }
            }
            let direct = """
                WITH result AS (
                    SELECT environment, worker, COALESCE(score_nano, 0) / 1e9 AS score,
                           avg(COALESCE(score_nano, 0) / 1e9) OVER (PARTITION BY environment) AS mean
                    FROM affine.attempt WHERE final AND outcome IN ('scored', 'model_fault')
                )
                SELECT concat_ws(' ', worker, count(*), round(sum(score - mean), 6), round(sum((score - mean) ^ 2), 6))
                FROM result GROUP BY environment, worker ORDER BY 1
                """
            let told = """
                SELECT concat_ws(' ', worker, jobs, round(total::numeric, 6), round(squares::numeric, 6))
                FROM affine.running_residual ORDER BY 1
                """
            let expected = try await stage.owner.column(direct)
            #expect(expected.count >= 3)
            try await #expect(stage.owner.column(told) == expected)
            let middle = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ended_at) FROM affine.attempt"
            for moment in [middle, "SELECT clock_timestamp()"] {
                _ = try await stage.owner.value("SELECT affine.sum_attempts((\(moment)))")
                try await #expect(stage.owner.column(told) == expected)
            }
            try await #expect(
                stage.owner.value("SELECT concat_ws(' ', count(*), sum(jobs)) FROM ops.worker_residuals") == "3 36")
        }
    }

    @Test("a worker that ran everything alone has nobody to be held against")
    func alone() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored(Self.score($0)) }
            try await #expect(
                stage.owner.column("SELECT concat_ws(' ', z, is_outlier) FROM ops.worker_residuals") == ["f"])
        }
    }
}
