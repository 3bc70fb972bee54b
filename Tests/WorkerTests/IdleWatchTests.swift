import Testing
import Worker

/// An idle worker claims when something may have been queued, and otherwise only looks.
@Suite("Idle workers") struct IdleWatchTests {
    @Test("After the queue's version grew a claim is worth trying for ten seconds, then not until it grows again")
    func fresh() {
        var watch = IdleWatch()
        let start = ContinuousClock.now
        func looks(_ version: Int64, _ seconds: Int) -> Bool {
            watch.isWorthClaiming(version, at: start + .seconds(seconds))
        }
        #expect(looks(7, 0))
        #expect(looks(7, 9))
        #expect(!looks(7, 10))
        #expect(!looks(7, 3_600))
        #expect(looks(8, 3_601))
        #expect(looks(8, 3_610))
        #expect(!looks(8, 3_611))
    }
}
