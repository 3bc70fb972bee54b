import CoordinatorAPI
import Synchronization
import Testing

@Suite("Answers that are kept", .timeLimit(.minutes(1))) struct AnswerCacheTests {
    /// Counts what is made, on a clock that stands still until it is told.
    private final class Kitchen: Sendable {
        let instant = Mutex(ContinuousClock.now)
        let made = Mutex(0)

        func cache() -> AnswerCache { AnswerCache { self.instant.withLock { $0 } } }

        func pass(_ time: Duration) { instant.withLock { $0 += time } }

        func make() async -> String {
            await Task.yield()
            return made.withLock { count in
                count += 1
                return "\(count)"
            }
        }
    }

    @Test("however many ask at once, one answer is made")
    func once() async throws {
        let kitchen = Kitchen()
        let cache = kitchen.cache()
        let texts = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await cache.answer(to: "a") { await kitchen.make() }.text } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(texts == ["1"])
        #expect(try await cache.answer(to: "b") { await kitchen.make() }.text == "2", "another key is another answer")
    }

    @Test("none is older than a second")
    func ages() async throws {
        let kitchen = Kitchen()
        let cache = kitchen.cache()
        let ask = { @Sendable in try await cache.answer(to: "a") { await kitchen.make() }.text }
        #expect(try await ask() == "1")
        kitchen.pass(.milliseconds(999))
        #expect(try await ask() == "1")
        kitchen.pass(.milliseconds(1))
        #expect(try await ask() == "2")
    }

    @Test("from half a second on the next one is made beside the requests, which are given the kept one")
    func renewal() async throws {
        let kitchen = Kitchen()
        let cache = kitchen.cache()
        let ask = { @Sendable in try await cache.answer(to: "a") { await kitchen.make() }.text }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cache.run() }
            #expect(try await ask() == "1")
            kitchen.pass(.milliseconds(499))
            #expect(try await ask() == "1")
            #expect(kitchen.made.withLock { $0 } == 1)
            kitchen.pass(.milliseconds(1))
            #expect(try await ask() == "1")
            // The clock stands still, so only the renewal can have made it.
            while try await ask() == "1" { await Task.yield() }
            #expect(try await ask() == "2")
            #expect(kitchen.made.withLock { $0 } == 2)
            group.cancelAll()
        }
    }

    @Test("who waited for an answer that then failed makes it")
    func turns() async throws {
        struct Broken: Error {}
        let kitchen = Kitchen()
        let cache = kitchen.cache()
        let texts = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try? await cache.answer(to: "a") {
                        let text = await kitchen.make()
                        if text == "1" { throw Broken() }
                        return text
                    }.text
                }
            }
            return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(texts.filter { $0 == nil }.count == 1 && texts.filter { $0 == "2" }.count == 19)
    }

    @Test("a failure is told to whoever asked, and is not kept")
    func failures() async throws {
        struct Broken: Error {}
        let kitchen = Kitchen()
        let cache = kitchen.cache()
        await #expect(throws: Broken.self) { try await cache.answer(to: "a") { throw Broken() } }
        #expect(try await cache.answer(to: "a") { await kitchen.make() }.text == "1")
        kitchen.pass(.milliseconds(600))
        #expect(try await cache.answer(to: "a") { throw Broken() }.text == "1", "the kept one is still good")
        kitchen.pass(.milliseconds(400))
        await #expect(throws: Broken.self) { try await cache.answer(to: "a") { throw Broken() } }
    }
}
