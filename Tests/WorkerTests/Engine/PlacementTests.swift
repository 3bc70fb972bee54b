import Domain
import Testing
import Worker

@Suite struct PlacementTests {
    private let names = ["a", "b", "c"].map { try? ModelReference("models/\($0)@\(String(repeating: "1", count: 40))") }

    private func model(_ index: Int) throws -> ModelReference { try #require(names[index]) }

    private func choose(_ work: [OpenWork], loaded: ModelReference? = nil) -> Placement {
        Placement.choose(among: work, loaded: loaded, lanes: 10, loadSeconds: 100)
    }

    @Test("an engine stays with its model while there is work for it, then goes to the first in line")
    func order() throws {
        let (a, b) = (try model(0), try model(1))
        let work = [OpenWork(model: a, isBaseline: true, workSeconds: 50), OpenWork(model: b, workSeconds: 50)]
        #expect(choose(work, loaded: b) == .stay)
        #expect(choose([work[0], OpenWork(model: b, workSeconds: 0, heldJobs: 1)], loaded: b) == .stay)
        #expect(choose(work) == .load(a))
        #expect(choose([work[1]], loaded: a) == .load(b))
        #expect(choose([], loaded: a) == .stay)
        #expect(choose([]) == .stay)
    }

    @Test("one more engine helps where the work lasts longer than loading takes; else it looks further down the line")
    func sharing() throws {
        let (a, b) = (try model(0), try model(1))
        func both(_ seconds: Double, hands: Int64) -> [OpenWork] {
            [OpenWork(model: a, workSeconds: seconds, hands: hands), OpenWork(model: b, workSeconds: 10)]
        }
        // 10 lanes a hand: 3000 s of work are 150 s for two hands.
        #expect(choose(both(3_000, hands: 2)) == .load(a))
        #expect(choose(both(3_000, hands: 3)) == .load(b))
        #expect(choose(both(1, hands: 0)) == .load(a))
        #expect(choose([both(3_000, hands: 3)[0]]) == .stay)
    }

    @Test("what runs ahead gives way once a contest has work and no hands, after what is in hand has ended")
    func ahead() throws {
        let (a, b) = (try model(0), try model(1))
        func work(hands: Int64, held: Int64, isAhead: Bool = true) -> [OpenWork] {
            [
                OpenWork(model: a, workSeconds: 50, hands: hands),
                OpenWork(model: b, isAhead: isAhead, workSeconds: 50, heldJobs: held),
            ]
        }
        #expect(choose(work(hands: 0, held: 3), loaded: b) == .finish)
        #expect(choose(work(hands: 0, held: 0), loaded: b) == .load(a))
        #expect(choose(work(hands: 1, held: 3), loaded: b) == .stay)
        #expect(choose(work(hands: 0, held: 3, isAhead: false), loaded: b) == .stay)
        var failing = work(hands: 0, held: 3)
        (failing[0].failures, failing[0].failedSecondsAgo) = (1, 1)
        #expect(choose(failing, loaded: b) == .stay)
    }

    @Test(
        "a model that failed to load here rests, longer each time, while others are served",
        arguments: [(1, 60.0), (2, 120), (3, 240), (9, 1_800)])
    func resting(failures: Int64, seconds: Double) throws {
        let (a, b) = (try model(0), try model(1))
        func work(ago: Double) -> [OpenWork] {
            [
                OpenWork(model: a, workSeconds: 9, failures: failures, failedSecondsAgo: ago),
                OpenWork(model: b, workSeconds: 9),
            ]
        }
        #expect(choose(work(ago: seconds - 1)) == .load(b))
        #expect(choose([work(ago: seconds - 1)[0]]) == .stay)
        #expect(choose(work(ago: seconds)) == .load(a))
    }

    @Test("a host on which three models failed one after another leaves the work to others for ten minutes")
    func drained() throws {
        func work(_ hostFailures: Int64, ago: Double) throws -> [OpenWork] {
            [
                OpenWork(
                    model: try model(0), workSeconds: 9, failures: 1, failedSecondsAgo: ago, hostFailures: hostFailures),
                OpenWork(model: try model(1), workSeconds: 9, hostFailures: hostFailures),
            ]
        }
        #expect(choose(try work(2, ago: 1)) == .load(try model(1)))
        #expect(choose(try work(3, ago: 599)) == .drained)
        #expect(choose(try work(3, ago: 600)) == .load(try model(0)))
        #expect(choose(try work(3, ago: 1), loaded: try model(1)) == .stay)
    }
}
