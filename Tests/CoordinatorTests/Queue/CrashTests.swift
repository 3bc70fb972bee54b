import Domain
import Foundation
import LocalCluster
import Migrating
import Migrations
import Postgres
import TestSupport
import Testing

/// Claims do not wait for the disk, results do.
@Suite(.timeLimit(.minutes(10))) struct CrashTests {
    @Test("after a crash lost claims come back, no settled result is lost, and no lease id is used again")
    func crash() async throws {
        let folder = "/tmp/affine-crash-\(ProcessInfo.processInfo.processIdentifier)"
        // Nobody writes the log to disk but those who wait for it, so a crash loses what did not wait.
        let cluster = LocalCluster(
            folder: folder, settings: ["wal_writer_delay": "10s", "max_connections": "20"],
            binaries: ProcessInfo.processInfo.environment["PG_BIN"], logger: FreshDatabase.logger)
        _ = try await cluster.start()
        let database = Database(DatabaseSettings(url: cluster.connectionString()), logger: FreshDatabase.logger)
        let result: Result<Void, any Error>
        do {
            try await Migrator(migrations: Catalogue.migrations, logger: FreshDatabase.logger).migrate(database)
            try await database.execute(Database.rowsFunction)
            result = .success(try await rounds(cluster, Stage.alone(database)))
        } catch { result = .failure(error) }
        await database.close()
        try await cluster.stop(.immediate)
        try FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private func rounds(_ cluster: LocalCluster, _ stage: Stage) async throws {
        let jobs = 60
        let miners = try await stage.prepareQueue("ab")
        try await stage.plan(miners[1], jobs: jobs)
        var everLeased: Set<UUID> = []
        var lost = 0
        var finals = 0
        for _ in 1...5 {
            let worker = try await FakeWorker.registered(on: stage)
            let deployment = try await worker.serve(miners[1])
            let settled = try await worker.claim(deployment, runs: 3)
            try await #expect(worker.settle(settled, .scored(500)) == ["accepted", "accepted", "accepted"])
            finals += 3
            let doomed = try await worker.claim(deployment, runs: 4)
            for lease in settled + doomed {
                #expect(everLeased.insert(lease.id).inserted, "a lease id was used twice")
            }

            try await cluster.stop(.immediate)
            _ = try await cluster.start()

            let held = try await Set(untilBack(stage).compactMap { UUID(uuidString: $0) })
            try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final") == "\(finals)")
            let gone = doomed.filter { !held.contains($0.id) }
            lost += gone.count
            try await #expect(worker.settle(gone, .scored(900)) == gone.map { _ in "superseded" })
            let kept = doomed.filter { held.contains($0.id) }
            try await #expect(worker.settle(kept, .scored(500)) == kept.map { _ in "accepted" })
            finals += kept.count
            // Each job is in exactly one place.
            try await #expect(
                stage.owner.value(
                    """
                    SELECT (SELECT sum(to_position - from_position + 1) FROM affine.ready)
                         + (SELECT count(*) FROM affine.lease) + (SELECT count(*) FROM affine.attempt WHERE final)
                    """) == "\(jobs)")
        }
        #expect(lost > 0, "no crash lost a claim, so nothing was shown")
        let crew = try await stage.crew([miners[1]])
        try await stage.drain(crew) { _ in .scored(500) }
        try await #expect(stage.owner.value("SELECT count(*) FROM affine.attempt WHERE final") == "\(jobs)")
        try await #expect(stage.queue() == "0 ready, 0 leased")
    }

    /// The leases there are, once the pool has noticed that its sessions are gone.
    private func untilBack(_ stage: Stage) async throws -> [String] {
        while true {
            do { return try await stage.owner.column("SELECT id FROM affine.lease") } catch let error as PostgresError
                where error.isRetryable
            {}
        }
    }
}
