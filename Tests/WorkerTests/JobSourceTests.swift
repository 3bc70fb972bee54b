import Domain
import FoundationEssentials
import Synchronization
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(10))) struct JobSourceTests {
    private func lease(_ first: Int32, jobs: Int32, deployment: Int64 = 1) -> Lease {
        Lease(
            id: UUID(), deployment: DeploymentID(rawValue: deployment), evaluation: EvaluationID(rawValue: 1),
            environment: 1,
            attempt: 1, runs: [first...(first + jobs - 1)], pass: 1)
    }

    @Test("However many ask, one claim is under way at once, nothing is handed out twice, and nobody waits for ever")
    func oneClaimAtOnce() async throws {
        struct Count { var open = 0, most = 0, claims = 0 }
        let count = Switch(Count())
        let source = JobSource(
            isStopping: { count.value.claims > 50 },
            claimMore: {
                let number = count.change { count in
                    count.open += 1
                    count.most = max(count.most, count.open)
                    count.claims += 1
                    return count.claims
                }
                await Task.yield()
                count.change { $0.open -= 1 }
                return (0..<(number % 3)).map { lease(Int32(number * 100 + $0 * 10), jobs: 2) }
            }, pauseWhenIdle: { _ in await Task.yield() })
        let taken = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for _ in 0..<16 {
                group.addTask {
                    var taken: [Int32] = []
                    while let job = try await source.next() { taken.append(job.position) }
                    return taken
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(count.value.most == 1)
        #expect(Set(taken).count == taken.count)
        // 17 leases of one job run, and 17 claims with two of them, come from 51 claims.
        #expect(taken.count >= 50 * 2 - 4)
    }

    @Test("A claim that fails is told to one who asked, and the next claims again")
    func aFailedClaim() async throws {
        struct Refused: Error {}
        let claims = Switch(0)
        let source = JobSource(
            isStopping: { false },
            claimMore: {
                guard
                    claims.change({
                        $0 += 1; return $0
                    }) > 1
                else { throw Refused() }
                return [lease(0, jobs: 1)]
            }, pauseWhenIdle: { _ in })
        await #expect(throws: Refused.self) { try await source.next() }
        #expect(try await source.next()?.position == 0)
    }

    @Test("Pauses between empty claims are told how many there were")
    func emptyClaims() async throws {
        let pauses = Switch<[Int]>([])
        let source = JobSource(
            isStopping: { pauses.value.count == 3 }, claimMore: { [] },
            pauseWhenIdle: { count in pauses.change { $0.append(count) } })
        #expect(try await source.next() == nil)
        #expect(pauses.value == [1, 2, 3])
    }

    @Test("Those who wait for a claim are woken when it is cancelled")
    func cancelledWhileWaiting() async throws {
        let (claiming, began) = AsyncStream.makeStream(of: Void.self)
        let source = JobSource(
            isStopping: { false },
            claimMore: {
                began.yield()
                try await Task.sleep(for: .seconds(600))
                return []
            }, pauseWhenIdle: { _ in })
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 { group.addTask { (try? await source.next()) == nil } }
            for await _ in claiming { break }
            group.cancelAll()
            #expect(await group.allSatisfy { $0 })
        }
    }

    @Test("What no lane has begun of a deployment that rests is taken back, and nothing else")
    func withdrawal() async throws {
        let claims = Switch([[lease(0, jobs: 3), lease(10, jobs: 2, deployment: 2)]])
        let source = JobSource(
            isStopping: { false }, claimMore: { claims.change { $0.popLast() } ?? [] }, pauseWhenIdle: { _ in })
        #expect(try await source.next()?.position == 0)
        #expect(source.withdraw(DeploymentID(rawValue: 1)).map(\.position) == [1, 2])
        #expect(source.withdraw(DeploymentID(rawValue: 1)).isEmpty)
        #expect(try await source.next()?.position == 10)
    }
}
