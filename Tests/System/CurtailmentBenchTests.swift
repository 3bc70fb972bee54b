import Domain
import Testing

@Suite struct CurtailmentBenchTests {
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
}
