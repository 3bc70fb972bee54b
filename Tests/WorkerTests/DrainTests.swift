import Postgres
import TestSupport
import Testing
import Worker

@Suite(.arena, .timeLimit(.minutes(10))) struct DrainTests {
    let board = Board()

    @Test("Told to stop, a worker claims nothing more, finishes what it has begun, and hands back the rest uncounted")
    func draining() async throws {
        let server = endpoint { _ in [.hold, completion("?")] }
        try await board.plan(.init(runLength: 3, tasks: 1...8))
        try await withWorker(settings(server)) { worker in
            await server.until { $0.completions == 1 }
            await worker.drain()
            server.release()
        }
        #expect(server.completions == 1)
        #expect(try await board.attempts().map(\.position) == [0])
        #expect(try await board.ready() == Dictionary(uniqueKeysWithValues: (1...7).map { ($0, 1) }))
        #expect(try await board.count("SELECT count(*) FROM affine.worker WHERE stopped_at IS NOT NULL") == 1)
    }

    @Test("When the grace is over, work under way is dropped and handed back uncounted")
    func graceIsOver() async throws {
        let server = endpoint { _ in [.hold] }
        try await board.plan(.init(tasks: 1...3))
        try await withWorker(settings(server, concurrency: 2, grace: .milliseconds(200))) { worker in
            await server.until { $0.completions == 2 }
            await worker.drain()
            await server.until { $0.hangUps >= 2 }
        }
        #expect(try await board.attempts().isEmpty)
        #expect(try await board.ready() == [0: 1, 1: 1, 2: 1])
    }

    @Test("A job that waits because its endpoint is asked too much, and lanes without a job, do not hold up the end")
    func pressed() async throws {
        let server = endpoint { _ in [.answer(429, headers: ["retry-after: 20"])] }
        try await board.plan()
        var setup = try settings(server, concurrency: 3, grace: .seconds(3_600))
        setup.settings.patience = .seconds(25)
        try await withWorker(setup) { worker in
            await server.until { $0.completions == 1 }
            await worker.drain()
        }
        #expect(try await board.attempts().isEmpty)
        #expect(try await board.ready() == [0: 1])
    }

    @Test("A worker that has nothing to do stops at once")
    func idle() async throws {
        let server = endpoint { _ in [completion("?")] }
        try await withWorker(settings(server)) { _ in
            try await eventually("the endpoint is known") {
                try await board.count("SELECT count(*) FROM affine.deployment") == 1
            }
        }
        #expect(try await board.count("SELECT count(*) FROM affine.worker WHERE stopped_at IS NOT NULL") == 1)
    }

    @Test("A worker whose reports can't be stored still stops, once its leases may be another's")
    func reportsThatCannotBeStored() async throws {
        let server = endpoint { _ in [completion("?")] }
        try await board.plan()
        try await board.execute(
            """
            ALTER FUNCTION affine.settle RENAME TO settle_for_real;
            CREATE FUNCTION affine.settle(uuid, uuid[], uuid[], bigint[], smallint[], integer[], text[], bigint[], text[], text[], text[],
                                          integer[], integer[], integer[])
            RETURNS TABLE (place integer, status text) LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'away' USING ERRCODE = '57P01'; END $$;
            """)
        try await withWorker(settings(server, timeToLive: .seconds(2))) { worker in
            await server.until { $0.completions == 1 }
            await worker.drain()
        }
        #expect(try await board.attempts().isEmpty)
        #expect(try await board.ready() == [0: 1])
    }
}
