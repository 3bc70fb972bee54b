import Coordinator
import Domain
import Postgres
import TestSupport
import Testing

/// What is stored beside a verdict to show that it was certain, and what is shown before that.
@Suite(.migratedDatabase) struct CertificateTests {
    private static let standing = """
        SELECT environment || ': ' || decided || ' decided, ' || unknown || ' unknown, L ' || lower_nano / 1e9 || ', U '
               || upper_nano / 1e9
        FROM ops.contest_standing WHERE contest = 2 ORDER BY environment
        """

    @Test("a running contest's interval narrows, and its last one is the certificate that is stored with the verdict")
    func narrowing() async throws {
        try await Stage.with({ $0.environmentOrder = .serial }) { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            // The champion has 5 in each environment; with the margin the bar is at 6.
            try await #expect(
                stage.owner.column(Self.standing).map(Self.plain)
                    == ["abd: 0 decided, 10 unknown, L -6, U 4", "ded: 0 decided, 10 unknown, L -6, U 4"])
            let crew = try await stage.crew(miners)
            _ = try await crew.work(runs: 2) { $0.position == 0 ? .modelFault : .scored(300) }
            try await #expect(
                stage.owner.column(Self.standing).map(Self.plain)
                    == ["abd: 2 decided, 8 unknown, L -5.7, U 2.3", "ded: 0 decided, 10 unknown, L -6, U 4"])
            try await stage.play(miners, runs: 1) { $0.position == 0 ? .modelFault : .scored(300) }
            try await #expect(stage.verdicts() == ["champion_keeps"])
            let last = try await stage.owner.column(Self.standing).map(Self.plain)
            #expect(last == ["abd: 6 decided, 4 unknown, L -4.5, U -0.5", "ded: 0 decided, 10 unknown, L -6, U 4"])
            try await #expect(
                stage.owner.column("SELECT DISTINCT standing FROM ops.contest_standing ORDER BY 1") == ["lost", "open"])
            try await #expect(
                stage.owner.column(
                    "SELECT state || ', ' || count(*) FROM ops.job WHERE evaluation = 2 AND state <> 'scored' GROUP BY state ORDER BY 1"
                )
                    == ["cancelled, 14", "model_fault, 1"])
        }
    }

    @Test("the bars are frozen when the contest opens, before any result of the challenger's")
    func frozen() async throws {
        try await Stage.with { stage in
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            try await #expect(
                stage.owner.column("SELECT DISTINCT champion_sum_nano || ' ' || bar_nano FROM affine.contest_bar")
                    == ["5000000000 6000000000"])
            await #expect(throws: PostgresError.self) {
                try await stage.owner.execute("UPDATE affine.contest_bar SET bar_nano = 0")
            }
        }
    }

    @Test("with the order 'auto' a challenger begins where a copy of the champion would be refuted soonest")
    func cheapestFirst() async throws {
        for (order, first) in [(ArenaSettings.EnvironmentOrder.auto, "ded"), (.serial, "abd")] {
            try await FreshDatabase.provide(.migrated) {
                try await Stage.with({ $0.environmentOrder = order }) { stage in
                    let miners = try await stage.prepare("ab")
                    // Where the champion nearly always succeeds there is hardly room above the bar.
                    try await stage.play([miners[0]]) { .scored($0.environment == "abd" ? 100 : 850) }
                    let crew = try await stage.crew([miners[1]])
                    _ = try await crew.work(runs: 3) { _ in .scored(900) }
                    try await #expect(
                        stage.owner.column(
                            "SELECT environment FROM ops.contest_standing WHERE decided > 0") == [first])
                }
            }
        }
    }

    /// Without the zeros that `numeric` carries.
    private static func plain(_ line: String) -> String {
        line.replacing(/(\.\d*?)0+(?=,|$)/) { $0.1 == "." ? "" : String($0.1) }
    }
}
