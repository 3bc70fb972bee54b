import Domain
import Testing
import Worker

@Suite struct EnvironmentGateTests {
    private let start = ContinuousClock.now
    private let abd = EnvironmentName(rawValue: "abd")
    private let ded = EnvironmentName(rawValue: "ded")

    @Test("an environment with a bound has no more jobs at once, others have as many as come")
    func caps() throws {
        let (abd, ded) = (try #require(abd), try #require(ded))
        var gate = EnvironmentGate(caps: [abd: 2])
        #expect((0..<3).map { _ in gate.enter(abd, at: start) } == [true, true, false])
        #expect(!gate.isOpen(abd, at: start) && gate.isOpen(ded, at: start))
        #expect((0..<100).allSatisfy { _ in gate.enter(ded, at: start) })
        #expect(gate.leave(abd, fault: nil, at: start) == nil)
        #expect(gate.isOpen(abd, at: start))
    }

    /// Runs one job to this end.
    private func run(_ gate: inout EnvironmentGate, _ fault: String?, at second: Int) throws -> Duration? {
        let abd = try #require(abd)
        let isOpen = gate.enter(abd, at: start + .seconds(second))
        try #require(isOpen)
        return gate.leave(abd, fault: fault, at: start + .seconds(second))
    }

    @Test(
        "the third time the same in a row it is left alone, longer each time; one job then shows whether it has recovered"
    )
    func breaker() throws {
        let abd = try #require(abd)
        var gate = EnvironmentGate(caps: [:])
        for fault in ["x", "x", "y", "x", nil, "x"] { #expect(try run(&gate, fault, at: 0) == nil) }
        #expect(try run(&gate, "x", at: 0) == nil)
        #expect(try run(&gate, "x", at: 0) == .seconds(5))
        #expect([4, 5, 5].map { gate.enter(abd, at: start + .seconds($0)) } == [false, true, false])
        #expect(gate.leave(abd, fault: "x", at: start + .seconds(6)) == .seconds(10))
        #expect(!gate.isOpen(abd, at: start + .seconds(15)) && gate.isOpen(abd, at: start + .seconds(16)))
        #expect(try run(&gate, nil, at: 16) == nil)
        #expect((0..<2).map { _ in gate.enter(abd, at: start + .seconds(16)) } == [true, true])
    }

    @Test("it is never left alone for longer than two minutes")
    func longest() throws {
        var gate = EnvironmentGate(caps: [:])
        var (second, pauses) = (0, [] as [Duration])
        for _ in 0..<12 {
            if let pause = try run(&gate, "x", at: second) {
                pauses.append(pause)
                second += Int(pause.components.seconds)
            }
        }
        #expect(
            pauses.prefix(6) == [.seconds(5), .seconds(10), .seconds(20), .seconds(40), .seconds(80), .seconds(120)])
        #expect(pauses.allSatisfy { $0 <= .seconds(120) })
    }
}
