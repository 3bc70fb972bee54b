import Affine
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct EvaluatorTests {
    private struct Enough: Error {}

    /// Holds tasks below a number until it is released.
    private func holding(below bound: Int64) -> LoopbackServer {
        LoopbackServer.environment { $0 < bound ? [.hold, .score("1")] : [.score("1")] }
    }

    @Test("Results come in the order in which tasks end, and never more tasks are under way than asked for")
    func completion() async throws {
        let server = holding(below: 1)
        let environment = try TaskEnvironment("remote", server: server.url)
        let order = try await Evaluator(concurrency: 2).evaluate(unasked, in: environment, tasks: 0..<6) { results in
            var order: [Int64] = []
            for await result in results {
                order.append(result.task.rawValue)
                if order.count == 5 { server.release() }
            }
            return order
        }
        #expect(order == [1, 2, 3, 4, 5, 0])
        #expect(server.log.mostOpen == 2)
    }

    @Test("As many tasks run at once as asked for, 8 by default", arguments: [nil, 3, 100])
    func concurrency(_ wanted: Int?) async throws {
        let width = wanted ?? 8
        let server = holding(below: Int64(width))
        let environment = try TaskEnvironment("remote", server: server.url)
        let evaluator = wanted.map { Evaluator(concurrency: $0) } ?? Evaluator()
        let count = try await evaluator.evaluate(unasked, in: environment, tasks: 0..<Int64(2 * width)) { results in
            await server.until { $0.requests.count == width }
            server.release()
            var count = 0
            for await _ in results { count += 1 }
            return count
        }
        #expect(count == 2 * width)
        #expect(server.log.mostOpen == width)
    }

    @Test("A closure that has seen enough stops the calls under way, and begins no more")
    func enough() async throws {
        let server = holding(below: 5)
        let environment = try TaskEnvironment("remote", server: server.url)
        let first = try await Evaluator(concurrency: 6).evaluate(
            unasked, in: environment, tasks: [0, 1, 2, 3, 4, 7, 8, 9]
        ) { results in
            await server.until { $0.requests.count == 6 }
            var iterator = results.makeAsyncIterator()
            return await iterator.next()?.task.rawValue
        }
        #expect(first == 7)
        await server.until { $0.hangUps >= 5 }
        await #expect(throws: Enough.self) {
            try await Evaluator(concurrency: 5).evaluate(unasked, in: environment, tasks: 0..<5) { _ in throw Enough() }
        }
    }

    @Test("Cancelling the caller ends the results, stops the calls under way, and throws")
    func cancellation() async throws {
        let server = holding(below: 4)
        let environment = try TaskEnvironment("remote", server: server.url)
        let seen = await withTaskGroup(of: Result<Int, any Error>.self) { group in
            group.addTask {
                do {
                    return .success(
                        try await Evaluator(concurrency: 4).evaluate(unasked, in: environment, tasks: 0..<9) {
                            results in
                            var count = 0
                            for await _ in results { count += 1 }
                            return count
                        })
                } catch { return .failure(error) }
            }
            await server.until { $0.requests.count == 4 }
            group.cancelAll()
            return await group.next()
        }
        #expect(throws: CancellationError.self) { try seen?.get() }
        await server.until { $0.hangUps == 4 }
        #expect(server.log.requests.count == 4)
    }

    @Test("Iterating again goes on where the iteration before stopped")
    func twice() async throws {
        let server = LoopbackServer.environment { _ in [.score("1")] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let tasks = try await Evaluator(concurrency: 1).evaluate(unasked, in: environment, tasks: 0..<4) { results in
            var tasks: [Int64] = []
            for await result in results {
                tasks.append(result.task.rawValue)
                if tasks.count == 2 { break }
            }
            for await result in results { tasks.append(result.task.rawValue) }
            return tasks
        }
        #expect(tasks == [0, 1, 2, 3])
        #expect(server.log.requests.count == 4)
    }

    @Test("Collected results are in the order in which the tasks were given, whatever order they ended in")
    func collected() async throws {
        let server = LoopbackServer.environment { [.score($0 == 9 ? "0.25" : "1")] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let results = try await Evaluator().results(of: unasked, in: environment, tasks: [9, 3, 5, 1])
        #expect(results.map(\.task.rawValue) == [9, 3, 5, 1])
        #expect(results.map(\.score) == [Score(decimal: "0.25"), .one, .one, .one])
    }

    @Test("A result carries everything that is known of its task")
    func wholeResult() async throws {
        let server = LoopbackServer.environment { _ in [.score("0.5")] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let result = try #require(try await Evaluator().results(of: unasked, in: environment, tasks: [41]).first)
        #expect(result.environment == environment.name && result.task.rawValue == 41)
        #expect(result.outcome == .scored && result.counts && result.score == Score(decimal: "0.5"))
        #expect(result.usage?.promptTokens == 7 && result.usage?.completionTokens == 5)
        #expect(result.attempts == 1 && result.duration > .zero)
        #expect(result.errorCode == nil && result.errorDetail == nil)
        #expect(result.conversation?.arrayValue?.first?["content"] == .string("?"))
    }

    @Test(
        "A server is asked with the model's name, address, key, temperature and seed, and the environment's parameters")
    func theCall() async throws {
        let server = LoopbackServer.environment { _ in [.score("1")] }
        var environment = try TaskEnvironment("remote", server: server.url, parameters: ["task_type": .string("ded")])
        environment.timeout = .seconds(20)
        var model = ServedModel("owner/name", baseURL: "http://model:8000/v1", temperature: 0.5, apiKey: "key-1")
        _ = try await Evaluator().results(of: model, in: environment, tasks: [41])
        model.seed = 7
        _ = try await Evaluator().results(of: model, in: environment, tasks: [41])
        let calls = server.log.requests.compactMap { $0.json?["kwargs"] }
        try #require(calls.count == 2)
        // The first 8 bytes of SHA-256("remote:41"), modulo 2³².
        #expect(calls[0]["seed"] == .integer(1_492_633_893) && calls[1]["seed"] == .integer(7))
        #expect(calls[0]["model"] == .string("owner/name") && calls[0]["base_url"] == .string("http://model:8000/v1"))
        #expect(calls[0]["api_key"] == .string("key-1") && calls[0]["temperature"] == .number(0.5))
        #expect(calls[0]["task_type"] == .string("ded") && calls[0]["timeout"] == .integer(20))
    }
}

extension EvaluatorTests {
    @Test(
        "A model that can't be asked is refused by name before anything is called, without its secrets",
        arguments: [
            (ServedModel("", baseURL: "http://h/v1"), "model '' is not valid"),
            (ServedModel("m", baseURL: "nonsense"), "base URL 'nonsense' is not valid"),
            (ServedModel("m", baseURL: "http://u:secret@h/v1?x=1"), "base URL 'http://h/v1' is not valid"),
            (
                ServedModel("m", baseURL: "http://h/v1", temperature: 2.5),
                "temperature '2.5' is not valid: expected 0 to 2"
            ),
            (ServedModel("m", baseURL: "http://h/v1", apiKey: "secret key"), "API key '(hidden)' is not valid"),
        ])
    func refusals(model: ServedModel, message: String) async throws {
        let server = LoopbackServer.environment { _ in [.score("1")] }
        let environment = try TaskEnvironment("remote", server: server.url)
        let error = await #expect(throws: InvalidValue.self) {
            try await Evaluator().results(of: model, in: environment, tasks: [1])
        }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(error?.description.contains("secret") == false)
        #expect(!"\(model)".contains("secret"))
        #expect(server.log.requests.isEmpty)
    }
}
