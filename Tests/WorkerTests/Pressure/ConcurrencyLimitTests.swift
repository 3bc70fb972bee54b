import Testing
import Worker

@Suite struct ConcurrencyLimitTests {
    private let start = ContinuousClock.now

    /// Plays rounds of as many jobs as may begin, each a second long, of which those beyond `capacity` are refused.
    private func play(_ limit: inout ConcurrencyLimit, rounds: Int, capacity: Int, from first: Int = 0) -> [Int] {
        var given: [Int] = []
        for round in first..<first + rounds {
            let (began, ended) = (start + .seconds(round), start + .seconds(round) + .milliseconds(999))
            while limit.enter(at: began) {}
            given.append(limit.inFlight)
            for job in 0..<limit.inFlight {
                limit.leave(job < capacity ? .answered(share: 0.1) : .pressed(retryAfter: nil), since: began, at: ended)
            }
        }
        return given
    }

    @Test("a deployment that bears all is given all there may be")
    func unpressed() {
        var limit = ConcurrencyLimit(most: 100)
        #expect(play(&limit, rounds: 3, capacity: .max) == [100, 100, 100])
    }

    @Test(
        "it settles where the deployment's capacity is: never far above it, and not below half of it",
        arguments: [1, 5, 20, 90])
    func settles(capacity: Int) {
        var limit = ConcurrencyLimit(most: 1_000)
        _ = play(&limit, rounds: 30, capacity: capacity)
        let given = play(&limit, rounds: 100, capacity: capacity, from: 30)
        #expect(given.allSatisfy { $0 >= max(1, capacity / 2) && $0 <= capacity + 1 + capacity / 20 })
        #expect(given.reduce(0, +) > 100 * capacity * 7 / 10)
        // It was not one bad hour: when there is more, it is used.
        let more = play(&limit, rounds: 300, capacity: 2_000, from: 130)
        #expect(more.last.map { $0 > capacity + 100 } == true)
    }

    @Test("jobs that began before it shrank shrink it no further")
    func once() {
        var limit = ConcurrencyLimit(most: 16)
        while limit.enter(at: start) {}
        let shrinks = (0..<10).map {
            limit.leave(.pressed(retryAfter: nil), since: start, at: start + .seconds($0 + 1))
        }
        #expect(shrinks == [true] + Array(repeating: false, count: 9))
        #expect(limit.current == 11)
        limit.leave(.pressed(retryAfter: nil), since: start + .seconds(1), at: start + .seconds(20))
        #expect(limit.current == 7)
    }

    @Test("nothing begins while a server asks to be left alone, for a minute at most")
    func pauses() {
        for (asked, kept) in [(5, 5), (3_600, 60)] {
            var limit = ConcurrencyLimit(most: 4)
            var begins = [limit.enter(at: start)]
            limit.leave(.pressed(retryAfter: .seconds(asked)), since: start, at: start)
            for moment in [.seconds(kept) - .milliseconds(1), .seconds(kept)] {
                begins.append(limit.enter(at: start + moment))
            }
            #expect(begins == [true, false, true])
        }
    }

    @Test("answers that come late shrink it, and what says nothing about the deployment changes nothing")
    func slow() {
        var limit = ConcurrencyLimit(most: 10)
        let begins = (0..<3).map { _ in limit.enter(at: start) }
        #expect(begins == [true, true, true])
        limit.leave(.answered(share: 0.7), since: start, at: start + .seconds(1))
        #expect(limit.current == 9)
        limit.leave(.nothing, since: start + .seconds(2), at: start + .seconds(3))
        limit.leave(.answered(share: 0.1), since: start + .seconds(2), at: start + .seconds(3))
        #expect(limit.current == 9 && limit.inFlight == 0)
    }
}
