import Domain
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct FleetTests {
    @Test("a small fleet that crashes, stalls and repeats itself behind a pooler settles every job exactly once")
    func faults() async throws {
        let ended = try await Program.run(
            "bench", "fleet", "--workers", "50", "--jobs-per-worker", "20", "--run-length", "25", "--hold", "0.1",
            "--ttl", "2",
            "--crash", "0.1", "--stall", "0.1", "--resend", "0.5", "--json")
        #expect(ended.exitCode == 0, "\(ended.errors)")
        let report = try ended.json()
        #expect(report["workers"] == .integer(50))
        #expect(report["jobs"] == .integer(3_600))
        #expect(report["complete"] == .bool(true))
        #expect(report["exactly_once"] == .bool(true))
        #expect(report["heartbeats_refused"] == .integer(0))
        for fault in ["crashes", "stalls", "resends", "rescued", "refused_late", "heartbeats"] {
            guard case .integer(let count)? = report[fault] else {
                Issue.record("the report lacks \(fault)")
                continue
            }
            #expect(count > 0, "\(fault)")
        }
    }

    @Test(
        "what a fleet cannot be is refused by name, value and what is allowed",
        arguments: [
            (["--workers", "0"], "--workers '0' is not valid: expected 1 to 200000"),
            (["--workers", "2", "--processes", "3"], "--processes '3' is not valid: expected at most the workers, 2"),
            (["--crash", "0.6"], "--crash '0.6' is not valid: expected 0 to 0.5"),
            (["--hold", "0"], "--hold '0.0' is not valid: expected 0.001 to 3600"),
            (["--ttl", "601"], "--ttl '601' is not valid: expected 1 to 600"),
        ])
    func refused(options: [String], complaint: String) async throws {
        let ended = try await Program.run(["bench", "fleet"] + options)
        #expect(ended.exitCode == 64)
        #expect(ended.errors.contains(complaint), "\(ended.errors)")
    }
}
