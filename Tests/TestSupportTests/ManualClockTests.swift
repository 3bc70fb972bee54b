import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ManualClockTests {
    @Test("sleepers wake in the order of their deadlines, and not before")
    func wakes() async throws {
        let clock = ManualClock()
        let (stream, woken) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup { group in
            for seconds in [30, 10, 20] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    woken.yield(seconds)
                }
            }
            await clock.untilSomeoneSleeps(count: 3)
            var iterator = stream.makeAsyncIterator()
            for expected in [10, 20, 30] {
                clock.advance(by: .seconds(10))
                let seconds = await iterator.next(isolation: #isolation)
                #expect(seconds == expected)
            }
            try await group.waitForAll()
        }
    }

    @Test("a sleep that is over, or whose task is cancelled, returns without the clock moving")
    func returnsAtOnce() async throws {
        let clock = ManualClock()
        try await clock.sleep(until: clock.now)
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup { group in
                group.addTask { try await clock.sleep(for: .seconds(1)) }
                await clock.untilSomeoneSleeps()
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }
}
