import Affine
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct RetryTests {
    private let clock = ManualClock()

    private func evaluator(_ retry: RetryPolicy) -> Evaluator { Evaluator(concurrency: 1, retry: retry, clock: clock) }

    /// Lets the next attempt begin, and shows that it does not begin earlier.
    private func wait(exactly duration: Duration) async {
        await clock.untilSomeoneSleeps()
        clock.advance(by: duration - .milliseconds(1))
        await clock.untilSomeoneSleeps()
        clock.advance(by: .milliseconds(1))
    }

    @Test("The wait is doubled after each attempt up to its bound, and the last attempt's fault is the result")
    func doubling() async throws {
        let server = LoopbackServer.environment { _ in [.answer(500, body: "boom".utf8)] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let evaluator = evaluator(RetryPolicy(attempts: 4, delay: .seconds(1), maximumDelay: .seconds(3)))
        async let results = evaluator.results(of: unasked, in: environment, tasks: [1])
        for seconds in [1, 2, 3] { await wait(exactly: .seconds(seconds)) }
        let result = try #require(try await results.first)
        #expect(result.attempts == 4 && server.log.requests.count == 4)
        #expect(result.duration == .seconds(6))
        #expect(result.outcome == .environmentFault && !result.counts && result.score == nil)
        #expect(result.errorCode == "environment_status_500" && result.errorDetail == "boom")
    }

    @Test("A server that asks to be left alone is, for as long as the policy bears", arguments: [(7, 7), (90, 60)])
    func retryAfter(asked: Int, waited: Int) async throws {
        let calls = Atomic(0)
        let server = LoopbackServer.environment { _ in
            calls.add(1, ordering: .relaxed).newValue == 1
                ? [.answer(503, headers: ["retry-after: \(asked)"])] : [.score("1")]
        }
        let environment = try TaskEnvironment("remote", server: server.url)
        let evaluator = evaluator(RetryPolicy())
        async let results = evaluator.results(of: unasked, in: environment, tasks: [1])
        await wait(exactly: .seconds(waited))
        let result = try #require(try await results.first)
        #expect(result.outcome == .scored && result.attempts == 2 && result.duration == .seconds(waited))
    }

    @Test("A model's endpoint that asks to be left alone is as well", arguments: [429, 503])
    func endpointRetryAfter(status: Int) async throws {
        let calls = Atomic(0)
        let endpoint = LoopbackServer.endpoint { _ in
            calls.add(1, ordering: .relaxed).newValue == 1
                ? .answer(status, headers: ["retry-after: 9"]) : .completion("I do not know.")
        }
        let evaluator = evaluator(RetryPolicy())
        let model = ServedModel("m", baseURL: endpoint.url + "/v1")
        async let results = evaluator.results(of: model, in: TaskEnvironment("abd"), tasks: [1])
        await wait(exactly: .seconds(9))
        let result = try #require(try await results.first)
        #expect(result.outcome == .scored && result.score == .zero && result.attempts == 2)
    }

    @Test("A model's own fault and a score are final at the first attempt")
    func final() async throws {
        let endpoint = LoopbackServer.endpoint { _ in .answer(body: "no completion".utf8) }
        let model = ServedModel("m", baseURL: endpoint.url + "/v1")
        let fault = try await evaluator(RetryPolicy()).results(of: model, in: TaskEnvironment("ded"), tasks: [1])
        #expect(fault.map(\.outcome) == [.modelFault] && fault.map(\.errorCode) == ["malformed_reply"])
        #expect(fault.map(\.attempts) == [1] && fault.allSatisfy(\.counts) && endpoint.log.requests.count == 1)
        let server = LoopbackServer.environment { _ in [.score("0")] }
        let scored = try await evaluator(RetryPolicy()).results(
            of: unasked, in: TaskEnvironment("remote", server: server.url), tasks: [1])
        #expect(scored.map(\.attempts) == [1] && server.log.requests.count == 1)
    }

    @Test("An endpoint that can't be reached is nobody's fault, and is tried as often as the policy says")
    func unreachable() async throws {
        let model = ServedModel("m", baseURL: "http://127.0.0.1:\(DeadPort.refusing())/v1")
        let once = try await evaluator(RetryPolicy(attempts: 1)).results(
            of: model, in: TaskEnvironment("abd"), tasks: [1])
        #expect(once.map(\.outcome) == [.infraFault] && once.map(\.errorCode) == ["endpoint_unreachable"])
        #expect(once.map(\.attempts) == [1])
    }

    @Test("Cancelling during a wait ends it")
    func cancelledWait() async throws {
        let server = LoopbackServer.environment { _ in [.answer(500)] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let evaluator = evaluator(RetryPolicy())
        let ended = await withTaskGroup(of: Result<[TaskResult], any Error>.self) { group in
            group.addTask {
                do {
                    return .success(try await evaluator.results(of: unasked, in: environment, tasks: [1]))
                } catch { return .failure(error) }
            }
            await clock.untilSomeoneSleeps()
            group.cancelAll()
            return await group.next()
        }
        #expect(throws: CancellationError.self) { try ended?.get() }
        #expect(server.log.requests.count == 1)
    }
}
