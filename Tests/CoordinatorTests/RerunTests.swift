import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite("The champion's second run", .migratedDatabase) struct RerunTests {
    @Test("some tasks of the slate are run twice in each window, and no contest looks at them")
    func reruns() async throws {
        try await Stage.with({
            $0.rerunTasks = 4
            $0.refreshBlocks = 50
        }) { stage in
            let miners = try await stage.prepare("ab")
            // The second run fails where the first did not, on the first task.
            try await stage.play(miners) { job in
                if job.miner == "b" { return .scored(500) }
                return job.lease.evaluation == 2 && job.position == 0 ? .modelFault : .scored(500)
            }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(
                stage.owner.column("SELECT champion_evaluation FROM affine.contest") == ["1"])
            try await #expect(
                stage.owner.column(
                    "SELECT planned FROM affine.evaluation_environment WHERE evaluation = 2") == ["4", "4"])
            let history = WindowHistory(database: stage.coordinator)
            let scores = try await history.championScores(in: WindowID(rawValue: 1))
            #expect(scores.map(\.environment.rawValue) == ["abd", "ded"])
            for environment in scores {
                #expect(environment.scores == [Score](repeating: Score(nano: 500_000_000), count: 10))
                #expect(environment.reruns.map(\.first.description) == ["0.5", "0.5", "0.5", "0.5"])
                #expect(environment.reruns.map(\.second.description) == ["0", "0.5", "0.5", "0.5"])
            }
            try await stage.observe(150)
            try await stage.play(miners) { _ in .scored(500) }
            try await #expect(
                stage.owner.value("SELECT state || ': ' || state_reason FROM affine.evaluation WHERE id = 2")
                    == "complete: every job is settled")
        }
    }

    @Test("the second run of a champion that lost the throne is held beside its own first run")
    func dethroned() async throws {
        try await Stage.with({ $0.rerunTasks = 2 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 900) }
            try await #expect(stage.verdicts() == ["dethroned"])
            let scores = try await WindowHistory(database: stage.coordinator).championScores(in: WindowID(rawValue: 1))
            #expect(scores.flatMap(\.reruns).allSatisfy { $0.first == $0.second && $0.first.description == "0.1" })
            #expect(scores.map(\.reruns.count) == [2, 2])
        }
    }

    @Test("a window's rule is found by its number, the newest without one")
    func rule() async throws {
        try await Stage.with { stage in
            let history = WindowHistory(database: stage.coordinator)
            await #expect(throws: InvalidValue.self) { _ = try await history.rule(of: nil) }
            try await stage.play(stage.prepare("a")) { _ in .scored(500) }
            let newest = try await history.rule(of: nil)
            #expect(newest.window == WindowID(rawValue: 1) && newest.rule.environments.count == 2)
            await #expect(throws: InvalidValue.self) { _ = try await history.rule(of: WindowID(rawValue: 2)) }
        }
    }
}
