import Domain
import Testing

@Suite struct ReductionBenchTests {
    @Test("the simulation says what curtailment saves, the same for the same seed, and finds no changed verdict")
    func simulate() async throws {
        let arguments = ["bench", "curtail", "--contests", "3", "--tasks", "40", "--random", "300", "--json"]
        let ended = try await Program.run(arguments)
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let rows = try #require(try ended.json()["rows"]?.arrayValue)
        #expect(rows.count == 40)
        for row in rows {
            #expect(row["verdict_changes"] == .integer(0))
            let saved = try #require(row["saved_fraction"]?.doubleValue)
            #expect((0..<1).contains(saved))
        }
        #expect(try ended.json()["random"]?["contests"] == .integer(300))
        #expect(try ended.json()["random"]?["verdict_changes"] == .integer(0))
        #expect(try await Program.run(arguments).output == ended.output)
        let refused = try await Program.run("bench", "curtail", "--tasks", "0")
        #expect(refused.exitCode == 64 && refused.errors.contains("--tasks '0' is not valid: expected 1 to 100000"))
    }

    @Test("'af bench reduce' replays what it wrote, and a process of its own decides the one large contest")
    func reduce() async throws {
        let ended = try await Program.run(
            "bench", "reduce", "--contests", "6", "--tasks", "20", "--jobs", "2000", "--rounds", "1", "--json")
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let report = try ended.json()
        #expect(report["matches"] == .bool(true) && report["pairs"] == .integer(6 * 4 * 20))
        #expect(report["decision"]?["jobs"] == .integer(2_000))
    }
}
