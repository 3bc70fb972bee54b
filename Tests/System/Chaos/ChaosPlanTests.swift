import Foundation
import Testing

@Suite struct ChaosPlanTests {
    @Test("a seed is one plan, whenever it is asked, and another seed is another")
    func pure() {
        for seed in 0..<50 {
            let plan = ChaosPlan(seed: seed, span: .seconds(60))
            #expect(plan == ChaosPlan(seed: seed, span: .seconds(60)))
            #expect(plan != ChaosPlan(seed: seed + 1, span: .seconds(60)))
            let longer = ChaosPlan(seed: seed, span: .seconds(600))
            #expect(Array(longer.faults.prefix(plan.faults.count)) == plan.faults)
        }
    }

    @Test("within the shortest run every kind of fault happens, in order of time and to somebody who exists")
    func whole() {
        for seed in 0..<200 {
            let faults = ChaosPlan(seed: seed, span: ChaosRun.shortest).faults
            #expect(Set(faults.map(\.kind)) == Set(Fault.Kind.allCases))
            #expect(zip(faults, faults.dropFirst()).allSatisfy { $0.moment < $1.moment })
            for fault in faults {
                #expect((0..<fault.kind.victims).contains(fault.victim))
                let length = Int(fault.duration / .milliseconds(1))
                #expect(fault.kind.milliseconds.contains(length))
            }
        }
    }

    @Test("whoever is frozen sleeps longer than its leases live")
    func frozen() {
        #expect(Fault.Kind.workerFrozen.milliseconds.lowerBound > ChaosPlan.timeToLive * 1_000)
    }

    @Test("a process whose clock is set sees it, and sees it put right")
    func clocks() async throws {
        try await withDataFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let clocks = try await ChaosClocks(folder: folder)
            let settings = clocks.environment("it").map { "\($0.key)=\($0.value)" }
            for ahead in [86_400, -86_400, 0] as [Int64] {
                clocks.set("it", ahead: ahead)
                let right = Int64(Date().timeIntervalSince1970)
                let seen = try #require(try await Int64(Tool.run(["env"] + settings + ["date", "+%s"])))
                #expect((0...60).contains(seen - ahead - right))
            }
        }
    }
}
