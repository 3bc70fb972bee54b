import Coordinator
import Domain
import Postgres
import Rules
import TestSupport
import Testing

@Suite(.migratedDatabase) struct ExplainTests {
    @Test("tries, retries and faults of both sides are counted by environment")
    func tries() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { job in
                if job.miner == "b", job.environment == "abd", job.position == 0, job.lease.attempt == 1 {
                    return .infraFault
                }
                return job.miner == "b" && job.position == 1 ? .modelFault : .scored(job.miner == "a" ? 100 : 900)
            }
            let tries = try await ContestHistory(database: stage.coordinator).tries(of: ContestID(rawValue: 2))
            #expect(
                tries.map { "\($0.environment) \($0.side)" } == [
                    "abd champion", "abd challenger", "ded champion", "ded challenger",
                ])
            #expect(tries.map(\.retries) == [0, 1, 0, 0])
            #expect(tries.map(\.modelFaults) == [0, 1, 0, 1])
            #expect(tries.map(\.tries) == [10, 11, 10, 10])
        }
    }

    @Test("a running contest is read as it stands, and both sides' answers to a task stand beside each other")
    func running() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let history = ContestHistory(database: stage.coordinator)
            let (record, isOver) = try await history.contest(ContestID(rawValue: 2))
            #expect(!isOver && record.tasks.allSatisfy { $0.challenger == nil })
            let crew = try await stage.crew([miners[1]])
            _ = try await crew.work(runs: 1) { _ in .scored(700) }
            let decided = try await history.contest(ContestID(rawValue: 2)).record.tasks.filter { $0.challenger != nil }
            let task = try #require(decided.first)
            let answers = try await history.answers(
                in: ContestID(rawValue: 2), environment: task.environment, tasks: [task.task])
            #expect(answers.map(\.side) == ["champion", "challenger"])
            #expect(answers.map { $0.score?.description } == ["0.5", "0.7"])
        }
    }

    @Test("what a worker had a part in is found on both sides of a contest; a worker that never was is an error")
    func workerTasks() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play(miners) { .scored($0.miner == "a" ? 100 : 900) }
            let history = ContestHistory(database: stage.coordinator)
            let worker = try await stage.owner.value("SELECT min(worker::text) FROM affine.attempt")
            let tasks = try await history.tasks(of: [worker])[ContestID(rawValue: 2)]
            #expect(tasks?.mapValues(\.count) == [try EnvironmentName("abd"): 10, try EnvironmentName("ded"): 10])
            await #expect(throws: InvalidValue.self) { _ = try await history.tasks(of: ["nobody"]) }
        }
    }
}
