import Coordinator
import Domain
import TestSupport
import Testing

@Suite("Where a contest stands", .migratedDatabase) struct StandingTests {
    @Test(
        "while it runs each environment has an interval that a score narrows; without a number the running one is told")
    func running() async throws {
        try await Stage.with { stage in
            let reports = Reports(database: stage.coordinator)
            let miners = try await stage.prepare("ab")
            try await stage.play([miners[0]]) { _ in .scored(500) }
            let crew = try await stage.crew([miners[1]])
            let before = try #require(try await reports.standing(of: nil).first)
            _ = try await crew.work(runs: 1) { _ in .scored(400) }
            let after = try #require(try await reports.standing(of: nil).first)
            #expect(Self.decided(before) == 0 && Self.decided(after) > 0)
            #expect(Self.width(after) < Self.width(before))
            #expect(Self.width(after) > 0)

            try await stage.play([miners[1]]) { _ in .scored(400) }
            #expect(try await reports.standing(of: nil).isEmpty)
            let number = try #require(after["contest"]?.integerValue)
            let over = try #require(try await reports.standing(of: ContestID(rawValue: number)).first)
            #expect(over["state"] == .string("decided") && over["verdict"] == .string("champion_keeps"))
            #expect(Self.width(over) < Self.width(after))
        }
    }

    private static func decided(_ row: JSONValue) -> Int64 {
        (row["environments"]?.arrayValue ?? []).reduce(0) { $0 + ($1["decided"]?.integerValue ?? 0) }
    }

    /// Of all environments' intervals together.
    private static func width(_ row: JSONValue) -> Double {
        (row["environments"]?.arrayValue ?? []).reduce(0) { sum, environment in
            sum + (environment["highest"]?.doubleValue ?? 0) - (environment["lowest"]?.doubleValue ?? 0)
        }
    }
}
