import Coordinator
import CoordinatorAPI
import CoordinatorDashboard
import Domain
import Hummingbird
import Postgres
import Rules
import TestSupport
import Testing

/// The operator's own models: they meet the champion and can win nothing.
@Suite(.migratedDatabase) struct BenchmarkEntrantTests {
    /// Champion `a` scores 0.5; `b` is the model of a benchmark entrant that was added once `a` reigned.
    private func contest(
        scoring thousandths: Int64, times: Int = 1, then check: (Stage, [Hotkey]) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            let (champion, model) = (try await stage.prepare("a")[0], try TestMiner("b"))
            try await stage.play([champion]) { _ in .scored(500) }
            var entrants: [Hotkey] = []
            for _ in 0..<times {
                entrants.append(
                    try await BenchmarkIntake(database: stage.coordinator).add(
                        name: "reference", model: model.model, block: nil, actor: "test"))
            }
            try await stage.play([champion, model]) { .scored($0.miner == "a" ? 500 : thousandths) }
            try await check(stage, entrants)
        }
    }

    private func column(_ stage: Stage, _ column: String, of table: String = "contest") async throws -> [String] {
        try await stage.owner.column("SELECT COALESCE(\(column)::text, '-') FROM affine.\(table) ORDER BY 1")
    }

    @Test("one that the rule would put on the throne leaves the champion there, unpaid, and the contest says so")
    func wins() async throws {
        try await contest(scoring: 900) { stage, entrants in
            try await #expect(stage.verdicts() == ["champion_keeps"])
            try await #expect(column(stage, "would_be") == ["dethroned"])
            try await #expect(stage.champion() == ["a"])
            try await #expect(column(stage, "share_nano", of: "weight") == ["1000000000"])
            try await #expect(
                stage.owner.value(
                    "SELECT state || ': ' || state_reason FROM affine.miner WHERE hotkey = '\(entrants[0])'")
                    == "terminated: won contest 2 as a benchmark entrant: the champion keeps the throne")
            try await #expect(
                stage.owner.value(
                    "SELECT termination_reason FROM ops.public_miner WHERE benchmark = 'reference'"
                )
                .hasPrefix("benchmark_met_champion:5aaa"))
            try await #expect(
                stage.owner.value("SELECT reason FROM affine.event WHERE kind = 'contest.decided'") == "champion_keeps")
        }
    }

    @Test("its contest replays to the rule's own verdict and digests, and the event log's audit agrees")
    func replays() async throws {
        try await contest(scoring: 900) { stage, _ in
            let contest = try #require(try await stage.contests().last)
            let replay = try await ContestHistory(database: stage.coordinator).replay(contest)
            #expect(replay.match && replay.verdict == .dethroned)
            let audit = try await ChainAuditor(database: stage.coordinator).audit()
            #expect(audit.problem == nil)
        }
    }

    @Test("one that loses is no other than a miner that loses, and the same model may enter again")
    func again() async throws {
        try await contest(scoring: 500, times: 2) { stage, entrants in
            #expect(Set(entrants).count == 2 && entrants.allSatisfy { $0.rawValue.hasPrefix("Benchmark111") })
            try await #expect(stage.verdicts() == ["champion_keeps", "champion_keeps"])
            try await #expect(column(stage, "would_be") == ["-", "-"])
            try await #expect(
                stage.owner.column("SELECT challenger FROM affine.contest ORDER BY id") == entrants.map(\.rawValue))
        }
    }

    @Test("an empty throne waits for a miner, whoever is first in the queue")
    func emptyThrone() async throws {
        try await Stage.with { stage in
            try await stage.prepare("")
            let model = try TestMiner("b").model
            _ = try await BenchmarkIntake(database: stage.coordinator).add(
                name: "reference", model: model, block: 1, actor: "test")
            try await #expect(stage.arena.advance() == "no miner is in the queue")
            try await stage.admit("a", from: 50)
            try await stage.arena.advance()
            try await #expect(stage.champion() == ["a"])
            try await #expect(
                stage.owner.column("SELECT benchmark || ' ' || position FROM ops.queue") == ["reference 1"])
        }
    }

    @Test(
        "the schema refuses it throne, reign, weight, uid, a dethronement and another class, whoever asks",
        arguments: [
            "UPDATE affine.miner SET state = 'champion' WHERE benchmark IS NOT NULL",
            "UPDATE affine.miner SET uid = 3 WHERE benchmark IS NOT NULL",
            "UPDATE affine.miner SET benchmark = NULL WHERE benchmark IS NOT NULL",
            "UPDATE affine.miner SET benchmark = 'x' WHERE benchmark IS NULL",
            "INSERT INTO affine.reign (id, hotkey, from_block) SELECT 9, hotkey, 1 FROM affine.miner WHERE benchmark IS NOT NULL",
            "INSERT INTO affine.weight SELECT 1, hotkey, 1 FROM affine.miner WHERE benchmark IS NOT NULL",
            """
            UPDATE affine.contest SET state = 'decided', verdict = 'dethroned', decided_at = now(),
                outcome_digest = sha256(''), evidence_digest = sha256('') WHERE state = 'running'
            """,
        ])
    func refused(sql: String) async throws {
        try await Stage.with { stage in
            let champion = try await stage.prepare("a")
            try await stage.play(champion) { _ in .scored(500) }
            _ = try await BenchmarkIntake(database: stage.coordinator).add(
                name: "reference", model: TestMiner("b").model, block: nil, actor: "test")
            try await stage.arena.advance()
            try await #expect(stage.verdicts() == ["null"])
            await #expect(stage.owner.refusal(sql)?.sqlState == "23514", "\(sql)")
        }
    }

    @Test("a would-be dethronement is no miner's, and is told of no verdict but one that kept the champion")
    func wouldBe() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            for verdict in ["champion_keeps", "void"] {
                let refusal = await stage.owner.refusal(
                    """
                    UPDATE affine.contest SET state = '\(verdict == "void" ? "void" : "decided")', verdict = '\(verdict)',
                        would_be = 'dethroned', decided_at = now(), outcome_digest = sha256(''), evidence_digest = sha256('')
                    WHERE state = 'running'
                    """)
                #expect(refusal?.sqlState == "23514")
            }
        }
    }

    @Test(
        "database and program agree on who is one, and its contest's page says so where the rule's verdict is another")
    func named() async throws {
        try await contest(scoring: 900) { stage, entrants in
            for hotkey in [entrants[0], try TestMiner("a").hotkey] {
                try await #expect(
                    stage.owner.value("SELECT affine.is_benchmark('\(hotkey)')") == "\(hotkey.isBenchmark)")
            }
            #expect(entrants[0].isBenchmark)
            let router = Router(context: ClientContext.self)
            try Dashboard(database: stage.coordinator).addRoutes(to: router)
            try await Served.with(router) { url, http in
                let page = String(decoding: try await Reply.get("\(url)/contests/2", http).bytes, as: UTF8.self)
                #expect(page.contains("dethroned") && page.contains("a benchmark entrant: it takes no throne"))
            }
        }
    }

    @Test("a name or place that is none is refused by name")
    func names() async throws {
        try await Stage.with { stage in
            let (intake, model) = (BenchmarkIntake(database: stage.coordinator), try TestMiner("b").model)
            for (name, message) in [("my model", "benchmark 'my model'"), ("x", "no block was seen yet")] {
                let error = await #expect(throws: InvalidValue.self) {
                    try await intake.add(name: name, model: model, block: nil, actor: "test")
                }
                #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
            }
        }
    }
}
