import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

@Suite("The audit of the event log", .migratedDatabase) struct ChainAuditTests {
    /// A log with three contests that are over, changed as the superuser can.
    private func audit(
        after change: String = "", links: [ChainAudit.Link] = []
    ) async throws -> ChainAudit {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcd")
            try await stage.play(miners) { .scored($0.miner == "a" ? 300 : $0.miner == "b" ? 700 : 500) }
            try await Self.asSuperuser(change, on: stage)
            return try await ChainAuditor(database: stage.coordinator).audit(links: links)
        }
    }

    private static func asSuperuser(_ change: String, on stage: Stage) async throws {
        try await stage.owner.execute(
            "SET session_replication_role = replica; \(change); SET session_replication_role = origin")
    }

    @Test("a log that nobody touched is verified to its head, with every verdict")
    func sound() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("abcd")
            try await stage.play(miners) { .scored($0.miner == "a" ? 300 : $0.miner == "b" ? 700 : 500) }
            let auditor = ChainAuditor(database: stage.coordinator)
            let audit = try await auditor.audit()
            #expect(audit.problem == nil && audit.contests == 3)
            try await #expect(stage.owner.value("SELECT max(id) FROM affine.event") == "\(audit.events)")
            try await #expect(
                stage.owner.value("SELECT encode(digest, 'hex') FROM affine.event_head") == audit.head.digest)
            try await stage.observe(101)
            let later = try await auditor.audit(links: [audit.head])
            #expect(later.problem == nil && later.events == audit.events + 1)
        }
    }

    @Test("an empty log is whole")
    func empty() async throws {
        try await Stage.with { stage in
            let audit = try await ChainAuditor(database: stage.coordinator).audit()
            #expect(audit.events == 0 && audit.problem == nil)
        }
    }

    @Test(
        "a column that was changed is found at its event",
        arguments: [
            "actor = 'x'", "kind = 'x.y'", "subject = 'é'", "reason = 'x'", "detail = '{\"x\":1}'",
            "at = at + interval '1 microsecond'", "digest = sha256('x')",
        ])
    func changed(change: String) async throws {
        let audit = try await audit(after: "UPDATE affine.event SET \(change) WHERE id = 5")
        #expect(audit.problem?.hasPrefix("event 5 ") == true, "\(audit.problem ?? "nothing")")
        #expect(audit.events == 4)
    }

    @Test(
        "events and verdicts that were taken away, forged or cut off are named",
        arguments: [
            ("DELETE FROM affine.event WHERE id = 5", "event 5 is missing: 6 follows 4"),
            ("UPDATE affine.event SET previous_digest = sha256('x') WHERE id = 5", "event 5 does not follow event 4"),
            (
                "DELETE FROM affine.event WHERE id > 9",
                "event 9 is the last, but the log's head names event "
            ),
            ("UPDATE affine.contest SET verdict = 'dethroned' WHERE id = 3", "contest 3 is stored as dethroned "),
            (
                "UPDATE affine.contest SET evidence_digest = sha256('x') WHERE id = 3",
                "contest 3 is stored as champion_keeps "
            ),
            (
                "UPDATE affine.contest SET state = 'running', verdict = NULL, decided_at = NULL, outcome_digest = NULL WHERE id = 4",
                "the log tells of 3 verdicts, but only 2 contests are over"
            ),
        ])
    func forged(change: String, problem: String) async throws {
        let audit = try await audit(after: change)
        #expect(audit.problem?.hasPrefix(problem) == true, "\(audit.problem ?? "nothing")")
    }

    /// Whoever may do anything writes the log anew from some event on, with digests that are right.
    @Test("a log that was written anew is whole, and gives itself away to whoever noted a link")
    func rewritten() async throws {
        let rewrite = """
            UPDATE affine.event SET reason = 'forged' WHERE id = 5;
            DO $$
            DECLARE e affine.event; last bytea := (SELECT digest FROM affine.event WHERE id = 4);
            BEGIN
                FOR e IN SELECT * FROM affine.event WHERE id >= 5 ORDER BY id LOOP
                    e.previous_digest := last;
                    last := affine.event_digest(e);
                    UPDATE affine.event SET previous_digest = e.previous_digest, digest = last WHERE id = e.id;
                END LOOP;
                UPDATE affine.event_head SET digest = last;
            END $$
            """
        try await Stage.with { stage in
            try await stage.prepare("abcd")
            let auditor = ChainAuditor(database: stage.coordinator)
            let noted = try await auditor.audit().head
            try await Self.asSuperuser(rewrite, on: stage)
            #expect(try await auditor.audit().problem == nil)
            let problem = try await auditor.audit(links: [noted]).problem
            #expect(problem?.contains("the log was rewritten") == true, "\(problem ?? "nothing")")
        }
    }

    @Test(
        "a link that was noted is looked for",
        arguments: [(7, "event 7 has digest "), (7_000, "event 7000, which was noted, is not")])
    func links(event: Int64, problem: String) async throws {
        let audit = try await audit(links: [.init(event: event, digest: String(repeating: "0", count: 64))])
        #expect(audit.problem?.hasPrefix(problem) == true, "\(audit.problem ?? "nothing")")
    }
}
