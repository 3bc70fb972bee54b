import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite(.migratedDatabase) struct ReplayTests {
    private func decided(_ body: (Stage, ContestID) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 500) }
            try await body(stage, try #require(try await stage.contests().first))
        }
    }

    private func tamper(_ stage: Stage, _ table: String, _ sql: String) async throws {
        try await stage.owner.execute(
            "ALTER TABLE \(table) DISABLE TRIGGER USER; \(sql); ALTER TABLE \(table) ENABLE TRIGGER USER")
    }

    @Test("a contest replays from its history to the verdict and the digests that were stored")
    func match() async throws {
        try await decided { stage, contest in
            let result = try await Replay(database: stage.coordinator).contest(contest)
            #expect(result.match && result.difference == nil)
            #expect(result.verdict == "dethroned")
            try await #expect(
                stage.owner.value(
                    "SELECT encode(outcome_digest, 'hex') || encode(evidence_digest, 'hex') FROM affine.contest")
                    == result.outcomeDigest + result.digest)
        }
    }

    @Test("one changed score of the challenger is named as a difference of the evidence")
    func challengerScore() async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.attempt",
                "UPDATE affine.attempt SET score_nano = 499999999 WHERE evaluation = 2 AND position = 0")
            let result = try await Replay(database: stage.coordinator).contest(contest)
            #expect(!result.match)
            #expect(result.difference?.hasPrefix("digest: stored ") == true)
        }
    }

    @Test("one changed score of the champion is named as a difference of the outcome")
    func championScore() async throws {
        try await decided { stage, contest in
            try await tamper(
                stage, "affine.attempt",
                "UPDATE affine.attempt SET score_nano = 99999999 WHERE evaluation = 1 AND position = 0")
            try await #expect(
                Replay(database: stage.coordinator).contest(contest).difference?
                    .hasPrefix("outcome_digest: stored ") == true)
        }
    }

    @Test("another verdict than the scores give is named first")
    func verdict() async throws {
        try await decided { stage, contest in
            try await tamper(stage, "affine.contest", "UPDATE affine.contest SET verdict = 'champion_keeps'")
            try await #expect(
                Replay(database: stage.coordinator).contest(contest).difference
                    == "verdict: stored champion_keeps, replayed dethroned")
        }
    }

    @Test("a contest that runs, and one that never was, are told apart")
    func notOver() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let running = try #require(try await stage.contests().first)
            let replay = Replay(database: stage.coordinator)
            let early = await #expect(throws: ReplayError.self) { _ = try await replay.contest(running) }
            #expect(early?.description == "contest 2 is still running: only a contest that is over can be replayed")
            let unknown = await #expect(throws: ReplayError.self) {
                _ = try await replay.contest(ContestID(rawValue: 99))
            }
            #expect(unknown?.description.hasPrefix("there is no contest 99") == true)
        }
    }

    @Test("every contest of a long history replays")
    func all() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcdef", attempts: 2)
            try await stage.play(miners, runs: 2) { job in
                let strength = Int64(job.miner.asciiValue ?? 0) * 37 % 11 * 80
                switch (job.task + strength) % 13 {
                case 0: return .modelFault
                case 1: return job.lease.attempt == 1 ? .infraFault : .scored(strength)
                default: return .scored(min(1_000, strength + job.task % 100))
                }
            }
            let contests = try await stage.contests()
            #expect(contests.count == 5)
            for contest in contests {
                try await #expect(Replay(database: stage.coordinator).contest(contest).match, "\(contest)")
            }
        }
    }
}
