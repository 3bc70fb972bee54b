import Coordinator
import Domain
import Foundation
import Postgres
import Rules
import TestSupport
import Testing

/// Models that no engine can load.
@Suite(.migratedDatabase) struct UndeployableTests {
    /// Says how loading a miner's model on a host went.
    private func load(_ stage: Stage, _ worker: FakeWorker, _ miner: TestMiner, on host: String, served: Bool)
        async throws
    {
        try await stage.workers.execute(
            """
            SELECT affine.record_load('\(worker.id)', '\(host)', '\(miner.model.repository)', '\(miner.model.revision)', \(served),
                                      100, 'out of memory')
            """)
    }

    private func judge(_ stage: Stage) async throws -> String {
        try await stage.coordinator.value("SELECT affine.fail_undeployable(2, 3)")
    }

    /// A contest between a and b runs; both hosts have served a.
    private func withContest(_ body: (Stage, FakeWorker, [TestMiner]) async throws -> Void) async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abc")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let worker = try await FakeWorker.registered(on: stage)
            for host in ["h1", "h2"] { try await load(stage, worker, miners[0], on: host, served: true) }
            try await body(stage, worker, miners)
        }
    }

    @Test(
        "a model that fails to load on two hosts loses its contest: what it owes is its own fault, and the verdict replays"
    )
    func twoHosts() async throws {
        try await withContest { stage, worker, miners in
            try await load(stage, worker, miners[1], on: "h1", served: false)
            try await #expect(judge(stage) == "0")
            try await load(stage, worker, miners[1], on: "h2", served: false)
            try await #expect(judge(stage) == "1")
            try await #expect(judge(stage) == "0")
            try await stage.play([miners[2]]) { _ in .scored(0) }
            try await #expect(stage.verdicts() == ["champion_keeps", "champion_keeps"])
            try await #expect(stage.state(of: miners[1]) == "terminated")
            try await #expect(
                stage.owner.column(
                    "SELECT DISTINCT outcome || ' ' || error_code || ' ' || error_detail FROM affine.attempt WHERE evaluation = 2"
                )
                    == ["model_fault undeployable out of memory"])
            try await #expect(stage.events("model.undeployable") == 1)
            for contest in try await stage.contests() {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            }
        }
    }

    @Test("three failures are enough on one host that serves others; results that there are stay")
    func oneHost() async throws {
        try await withContest { stage, worker, miners in
            let deployment = try await worker.serve(miners[1])
            _ = try await worker.settle(try await worker.claim(deployment, runs: 1), .scored(900))
            for _ in 1...2 { try await load(stage, worker, miners[1], on: "h1", served: false) }
            try await #expect(judge(stage) == "0")
            try await load(stage, worker, miners[1], on: "h1", served: false)
            try await #expect(judge(stage) == "1")
            try await #expect(
                stage.owner.column(
                    "SELECT outcome || ' ' || count(*) FROM affine.attempt WHERE evaluation = 2 GROUP BY outcome ORDER BY 1"
                )
                    == ["model_fault 19", "scored 1"])
        }
    }

    @Test("hosts that serve nothing, or a model that is served after all, end nobody")
    func nobodysFault() async throws {
        try await withContest { stage, worker, miners in
            for host in ["broken-1", "broken-2", "broken-3"] {
                try await load(stage, worker, miners[1], on: host, served: false)
            }
            try await #expect(judge(stage) == "0")
            for host in ["h1", "h2"] { try await load(stage, worker, miners[1], on: host, served: false) }
            try await load(stage, worker, miners[1], on: "h3", served: true)
            try await #expect(judge(stage) == "0")
            for host in ["h1", "h2"] { try await load(stage, worker, miners[1], on: host, served: false) }
            let leases = try await worker.claim(try await worker.serve(miners[1]), runs: 1)
            try await #expect(judge(stage) == "0")
            try await worker.release(leases)
            try await #expect(judge(stage) == "1")
        }
    }

    @Test(
        "open work names baselines first, then contests in order, with who already serves them and how loading went here"
    )
    func openWork() async throws {
        try await withContest { stage, worker, miners in
            let other = try await FakeWorker.registered(on: stage)
            let model = "'\(miners[1].model.repository)', '\(miners[1].model.revision)'"
            try await stage.workers.execute("SELECT affine.place('\(other.id)', 'h2', \(model))")
            try await load(stage, worker, miners[1], on: "h1", served: false)
            func row(_ worker: FakeWorker, _ host: String) async throws -> String {
                try await stage.workers.value(
                    """
                    SELECT right(model, 1) || ' ' || is_baseline || ' ' || (work_seconds > 0) || ' held ' || held_jobs || ' hands ' || hands
                           || ' failures ' || failures || ' host ' || host_failures FROM affine.open_work('\(worker.id)', '\(host)')
                    """)
            }
            try await #expect(row(worker, "h1") == "b false true held 0 hands 1 failures 1 host 1")
            try await #expect(row(other, "h2") == "b false true held 0 hands 0 failures 0 host 0")
            _ = try await worker.claim(try await worker.serve(miners[1]), runs: 3)
            try await #expect(row(worker, "h1") == "b false true held 3 hands 1 failures 1 host 1")
            try await other.stop()
            try await #expect(row(worker, "h1") == "b false true held 3 hands 0 failures 1 host 1")
        }
    }
}
