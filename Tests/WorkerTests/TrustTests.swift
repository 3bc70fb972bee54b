import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(10))) struct TrustTests {
    /// How long a trust lasts from `start`.
    private func end(of trust: Trust, since start: ContinuousClock.Instant) async -> Duration? {
        do {
            try await trust.watch() as Void
        } catch WorkerError.trustEnded {
            return .now - start
        } catch {}
        return nil
    }

    @Test("Without a heartbeat trust ends before the time to live does")
    func trustEndsEarly() async throws {
        let start = ContinuousClock.now
        let lasted = try #require(await end(of: Trust(timeToLive: .milliseconds(500)), since: start))
        #expect(lasted >= .milliseconds(350))
    }

    @Test("A heartbeat counts from when it was sent, and a late answer to an early one takes nothing back")
    func heartbeatsExtend() async throws {
        let start = ContinuousClock.now
        let trust = Trust(timeToLive: .milliseconds(500))
        trust.extend(from: start + .milliseconds(300))
        trust.extend(from: start - .seconds(1))
        let lasted = try #require(await end(of: trust, since: start))
        #expect(lasted >= .milliseconds(650))
    }

    @Test("Watching ends when it is cancelled")
    func cancelled() async {
        let trust = Trust(timeToLive: .seconds(600))
        await withTaskGroup { group in
            group.addTask { await end(of: trust, since: .now) }
            group.cancelAll()
            #expect(await group.next() == .some(nil))
        }
    }
}
