import Coordinator
import Dispatch
import Domain
import Postgres
import Rules
import TestSupport
import Testing

/// Any number of coordinators may run side by side, while workers work.
@Suite(.migratedDatabase, .timeLimit(.minutes(10))) struct CoordinatorsTests {
    @Test("three coordinators and two crews at once: everything is decided exactly once, and replays")
    func atOnce() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcdef")
            let pool = try Stage.pool(as: "affine_coordinator")
            let arenas = [stage.coordinator, pool, pool].map {
                Arena(database: $0, settings: stage.settings, logger: FreshDatabase.logger)
            }
            let judge: Judge = { .scored(($0.miner == "c" ? 600 : 300) + $0.task % 10) }
            try await withThrowingTaskGroup { group in
                for arena in arenas {
                    group.addTask {
                        while try await stage.isGoingOn() {
                            try await arena.advance()
                            await Task.yield()
                        }
                    }
                }
                for _ in 0..<2 {
                    let crew = try await stage.crew(miners)
                    group.addTask {
                        while try await stage.isGoingOn() { _ = try await crew.work(runs: 3, judge) }
                    }
                }
                try await group.waitForAll()
            }
            await pool.close()
            try await #expect(stage.champion() == ["c"])
            try await #expect(
                stage.owner.column(
                    "SELECT right(challenger, 1) || ' ' || verdict FROM affine.contest ORDER BY id")
                    == ["b champion_keeps", "c dethroned", "d champion_keeps", "e champion_keeps", "f champion_keeps"])
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.reign") == "2")
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.weight_snapshot") == "2")
            try await #expect(stage.events("contest.decided") == 5)
            try await #expect(stage.events("window.opened") == 1)
            for contest in try await stage.contests() {
                try await #expect(ContestHistory(database: stage.coordinator).replay(contest).match)
            }
        }
    }

    @Test("reports that arrive while a verdict is being written do not make it start over")
    func busy() async throws {
        try await Stage.with({ $0.voidContests = 9 }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            let leases = try await crew.worker.claim(crew.deployments[0].deployment, runs: 20)
            _ = try await crew.worker.settle(Array(leases.dropLast()), .scored(0))

            let pool = try Stage.pool(as: "affine_coordinator") { $0.transactionAttempts = 1 }
            let arena = Arena(database: pool, settings: stage.settings, logger: FreshDatabase.logger)
            let (locked, lock) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            try await withThrowingTaskGroup { group in
                defer { release.signal() }
                group.addTask {
                    try await stage.owner.withSession { session in
                        try session.execute("BEGIN; SELECT FROM affine.miner WHERE state = 'contesting' FOR UPDATE")
                        lock.yield()
                        release.wait()
                        try session.execute("ROLLBACK")
                    }
                }
                for await _ in locked { break }
                group.addTask { _ = try await arena.advance() }
                while try await stage.waitingForLocks() == 0 { await Task.yield() }
                // Its lease is gone before the verdict is written.
                _ = try await crew.worker.settle(Array(leases.suffix(1)), .scored(0))
                release.signal()
                try await group.waitForAll()
            }
            await pool.close()
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(stage.queue() == "0 ready, 0 leased")
        }
    }

    @Test("coordinators that meet an empty house open one window and crown one champion")
    func start() async throws {
        for _ in 1...5 {
            try await FreshDatabase.provide(.migrated) {
                try await Stage.with { stage in
                    try await stage.prepare("ab")
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<4 { group.addTask { try await stage.arena.advance() } }
                        try await group.waitForAll()
                    }
                    try await stage.arena.advance()
                    try await #expect(stage.champion() == ["a"])
                    try await #expect(stage.events("miner.crowned") == 1)
                    try await #expect(stage.events("window.opened") == 1)
                    try await #expect(stage.queue() == "20 ready, 0 leased")
                }
            }
        }
    }
}

extension Stage {
    /// How many sessions of this database wait for a lock.
    func waitingForLocks() async throws -> Int {
        try await owner.column(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).count
    }
}
