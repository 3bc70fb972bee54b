import Postgres
import TestSupport
import Testing
import Worker

@Suite(.arena, .timeLimit(.minutes(10))) struct LeaseTests {
    let board = Board()

    /// Makes the next calls of a worker function fail with this SQLSTATE, until `mend()`.
    private func spoil(_ function: String, arguments: String, returns: String, state: String) async throws {
        try await board.execute(
            """
            ALTER FUNCTION affine.\(function) RENAME TO \(function)_for_real;
            CREATE FUNCTION affine.\(function)(\(arguments)) RETURNS \(returns) LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'canceling statement due to statement timeout' USING ERRCODE = '\(state)'; END $$;
            """)
    }

    private func mend(_ function: String, arguments: String) async throws {
        try await board.execute(
            """
            DROP FUNCTION affine.\(function)(\(arguments));
            ALTER FUNCTION affine.\(function)_for_real RENAME TO \(function);
            """)
    }

    @Test(
        "A worker whose heartbeats fail drops its work before its leases lapse, and begins anew under another id",
        arguments: ["57P01", "57014"])
    func heartbeatsFail(state: String) async throws {
        let isWell = Switch(false)
        let server = endpoint { _ in isWell.value ? [completion("?")] : [.hold] }
        try await board.plan()
        try await withWorker(settings(server, timeToLive: .seconds(3))) { _ in
            await server.until { $0.completions == 1 }
            try await spoil("heartbeat", arguments: "uuid", returns: "boolean", state: state)
            isWell.set(true)
            await server.until { $0.hangUps == 1 }
            let silent = "SELECT (extract(epoch FROM clock_timestamp() - min(seen_at)) * 1000)::int8 FROM affine.worker"
            #expect(try await board.count(silent) < 3_000)
            try await mend("heartbeat", arguments: "uuid")
            try await board.untilFinished(1)
        }
        // Handed back by the first life, so not even an attempt is lost.
        #expect(try await board.attempts().map(\.attempt) == [1])
        #expect(try await board.count("SELECT count(*) FROM affine.worker") == 2)
        #expect(
            try await board.count(
                "SELECT count(*) FROM affine.attempt a JOIN affine.worker w ON w.id = a.worker WHERE w.stopped_at IS NULL"
            )
                == 0)
    }

    @Test("A worker that the queue no longer knows begins anew under another id")
    func forgotten() async throws {
        let server = endpoint { _ in [.hold, completion("?")] }
        try await board.plan(.init(tasks: 1...2))
        try await withWorker(settings(server, timeToLive: .seconds(2))) { _ in
            await server.until { $0.completions == 1 }
            try await board.execute("SELECT affine.stop_worker(id) FROM affine.worker")
            await server.until { $0.completions == 2 }
            server.release()
            await server.until { $0.completions == 3 }
            server.release()
            try await board.untilFinished(2)
        }
        #expect(try await board.count("SELECT count(*) FROM affine.worker") == 2)
        #expect(try await board.attempts().map(\.attempt) == [1, 1])
    }

    @Test("A report that comes too late is refused, and the worker goes on")
    func lateReport() async throws {
        let server = endpoint { _ in [.hold, completion("?")] }
        try await board.plan()
        try await withWorker(settings(server)) { _ in
            await server.until { $0.completions == 1 }
            try await board.execute("SELECT affine.requeue(array_agg(id), true, 'lease_lost') FROM affine.lease")
            server.release()
            await server.until { $0.completions == 2 }
            try await eventually("the refusal is kept as an event") {
                try await board.count("SELECT count(*) FROM affine.event WHERE kind = 'job.fenced'") == 1
            }
            server.release()
            try await board.untilFinished(1)
        }
        #expect(
            try await board.attempts() == [
                .init(position: 0, attempt: 1, isFinal: false, outcome: "infra_fault", score: nil, code: "lease_lost"),
                .init(position: 0, attempt: 2, isFinal: true, outcome: "scored", score: 0, code: nil),
            ])
        #expect(try await board.count("SELECT count(*) FROM affine.worker") == 1)
    }

    @Test(
        "When the answer to a report is lost, the same report is sent again and stored once",
        .enabled(if: FreshDatabase.hasPrivateServer, "needs a server whose commits can be made to wait for a standby"))
    func lostAnswer() async throws {
        let server = endpoint { _ in [completion("?")] }
        // The first commit of a report waits for a standby that does not exist. Ending the session then loses the answer,
        // but not the commit.
        try await board.execute(
            """
            CREATE SEQUENCE calls;
            ALTER FUNCTION affine.settle RENAME TO settle_for_real;
            CREATE FUNCTION affine.settle(uuid, uuid[], uuid[], bigint[], smallint[], integer[], text[], bigint[], text[], text[], text[],
                                          integer[], integer[], integer[])
            RETURNS TABLE (place integer, status text) LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                IF nextval('calls') = 1 THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
                RETURN QUERY SELECT * FROM affine.settle_for_real($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                    $14);
            END $$;
            """)
        try await board.plan(.init(tasks: 1...2))
        try await withWorker(settings(server)) { _ in
            let waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'"
            try await eventually("the report is stored, but not answered") {
                try await board.count("SELECT count(*) \(waiting)") == 1
            }
            try await board.execute("SELECT pg_terminate_backend(pid) \(waiting)")
            try await board.untilFinished(2)
        }
        #expect(try await board.attempts().map(\.attempt) == [1, 1])
        #expect(try await board.count("SELECT last_value FROM calls") >= 2)
        #expect(try await board.count("SELECT count(*) FROM affine.event WHERE kind = 'job.fenced'") == 0)
        #expect(try await board.count("SELECT count(*) FROM affine.lease") == 0)
    }

    @Test("A claim that runs into its time limit is tried again by the same worker")
    func slowClaims() async throws {
        let server = endpoint { _ in [completion("?")] }
        let (arguments, rows) = (
            "uuid, bigint[], text[], integer, bigint",
            """
            TABLE (lease uuid, deployment bigint, evaluation bigint, environment smallint, attempt smallint,
                   from_positions integer[], to_positions integer[], pass bigint)
            """
        )
        try await board.plan()
        try await board.execute("CREATE SEQUENCE calls")
        try await board.execute(
            """
            ALTER FUNCTION affine.claim RENAME TO claim_for_real;
            CREATE FUNCTION affine.claim(\(arguments)) RETURNS \(rows) LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                IF nextval('calls') < 3 THEN
                    RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014';
                END IF;
                RETURN QUERY SELECT * FROM affine.claim_for_real($1, $2, $3, $4, $5);
            END $$;
            """)
        try await withWorker(settings(server)) { _ in try await board.untilFinished(1) }
        #expect(try await board.count("SELECT count(*) FROM affine.worker") == 1)
    }

    @Test("An environment of a kind that the worker does not know fails its jobs, not the worker")
    func unknownKind() async throws {
        let server = endpoint { _ in [completion("?")] }
        try await board.plan(.init(kind: "vessel", baseURL: "x"))
        try await withWorker(settings(server)) { _ in try await board.untilFinished(1) }
        #expect(try await board.attempts().map(\.code) == ["environment_unusable", "environment_unusable"])
        #expect(try await board.attempts().allSatisfy { $0.outcome == "infra_fault" })
    }
}
