import Domain
import TestSupport
import Testing
import Worker

@Suite(.arena, .timeLimit(.minutes(5))) struct PressureTests {
    let board = Board()

    /// Answers what is held, again and again, until `body` has returned.
    private func answering(_ server: LoopbackServer, _ held: Switch<Int>, _ body: @Sendable () async throws -> Void)
        async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(20))
                    held.set(0)
                    server.release()
                }
            }
            try await body()
            group.cancelAll()
        }
    }

    @Test(
        "An endpoint that bears four calls at once is given about as many, and being asked too much costs no job a try")
    func overload() async throws {
        let (held, refused) = (Switch(0), Switch(0))
        let server = endpoint { _ in
            let isTooMuch = held.change { held in
                held += 1
                return held > 4
            }
            guard isTooMuch else { return [.hold, completion("?")] }
            refused.change { $0 += 1 }
            return [.answer(503, body: "busy".utf8)]
        }
        try await board.plan(.init(maximumAttempts: 1, tasks: 1...60))
        var setup = try settings(server, concurrency: 12)
        setup.settings.patience = .seconds(25)
        let worker = setup
        try await answering(server, held) {
            try await withWorker(worker) { _ in try await board.untilFinished(60) }
        }
        let attempts = try await board.attempts()
        #expect(attempts.count == 60 && attempts.allSatisfy { $0.outcome == "scored" && $0.attempt == 1 })
        // Twelve at once, time and again, would be refused twice as often as they are answered.
        #expect(refused.value > 0 && refused.value < 60)
    }

    @Test("A server that asks to be left alone is left alone for that long, and the job then succeeds at its first try")
    func retryAfter() async throws {
        let asked = Switch<[ContinuousClock.Instant]>([])
        let server = endpoint { _ in
            asked.change { $0.append(.now) }
            return asked.value.count == 1 ? [.answer(429, headers: ["retry-after: 2"])] : [completion("?")]
        }
        try await board.plan(.init(maximumAttempts: 1))
        var setup = try settings(server)
        setup.settings.patience = .seconds(25)
        try await withWorker(setup) { _ in try await board.untilFinished(1) }
        #expect(try await board.attempts().map(\.outcome) == ["scored"])
        #expect(asked.value.count == 2 && asked.value[0].duration(to: asked.value[1]) >= .seconds(2))
    }

    @Test("No more jobs than its bound are under way in an environment, whatever the worker could do")
    func bound() async throws {
        let (held, most) = (Switch(0), Switch(0))
        let environment = LoopbackServer { _ in
            let now = held.change { held in
                held += 1
                return held
            }
            most.change { $0 = max($0, now) }
            return [.hold, .answer(body: #"{"score":0.5}"#.utf8)]
        }
        let model = endpoint { _ in [.answer(500)] }
        try await board.plan(.init(name: "remote", kind: "url", baseURL: environment.url, tasks: 1...30))
        var setup = try settings(model, concurrency: 16)
        setup.settings.environmentCaps = [try EnvironmentName("remote"): 3]
        let worker = setup
        try await answering(environment, held) {
            try await withWorker(worker) { _ in try await board.untilFinished(30) }
        }
        #expect(most.value > 1 && environment.log.mostOpen <= 3)
        #expect(try await board.attempts().allSatisfy { $0.outcome == "scored" })
    }

    @Test("An environment whose server is gone is left alone after three tries, and done when it is back")
    func outage() async throws {
        let isBack = Switch(false)
        let environment = LoopbackServer { _ in isBack.value ? [.answer(body: #"{"score":0.5}"#.utf8)] : [.answer(502)]
        }
        let model = endpoint { _ in [.answer(500)] }
        try await board.plan(
            .init(name: "remote", kind: "url", baseURL: environment.url, maximumAttempts: 3, tasks: 1...20))
        try await withWorker(try settings(model)) { _ in
            await environment.until { $0.completions == 3 }
            isBack.set(true)
            try await board.untilFinished(20)
        }
        let attempts = try await board.attempts()
        #expect(attempts.count { $0.outcome == "environment_fault" } == 3)
        #expect(attempts.count { $0.outcome == "scored" } == 20)
    }
}
