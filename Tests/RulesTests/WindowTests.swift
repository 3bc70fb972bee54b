import Domain
import Environments
import Rules
import Subprocess
import TestSupport
import Testing

@Suite("Windows")
struct WindowTests {
    static let blockHash = String(repeating: "0123456789abcdef", count: 4)

    static func seed(_ window: Int64 = 7, hash: String = blockHash) throws -> WindowSeed {
        WindowSeed(window: WindowID(rawValue: window), openingBlock: try BlockHash(hash))
    }

    @Test("the pool is the one that an independent implementation of docs/window.md draws")
    func poolMatchesIndependentImplementation() async throws {
        var random = SeededRandom(seed: 11)
        var input = ""
        var expected: [Substring] = []
        for _ in 0..<400 {
            let draw = try RandomDraw(&random)
            input += draw.line + "\n"
            let pool = try draw.pool()
            let seed = EvaluateRequest.seed(environment: draw.environment, taskID: try #require(pool.first))
            expected.append("\(pool.map(\.description).joined(separator: " ")) | \(seed)")
        }
        let script = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let result = try await run(
            .name("python3"), arguments: ["/\(script)/window_check.py"], input: .string(input),
            output: .string(limit: 1 << 24), error: .string(limit: 1 << 16))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        let drawn = result.standardOutput.split(separator: "\n")
        #expect(drawn.count == expected.count)
        for (index, (drawn, expected)) in zip(drawn, expected).enumerated() where drawn != expected {
            Issue.record("draw \(index) differs: \(drawn.prefix(80)) is not \(expected.prefix(80))")
        }
    }

    @Test("a pool has no task twice, only tasks of the ranges, and ceil(11 · count / 10) of them", arguments: 0..<20)
    func poolIsSound(seed: Int) throws {
        var random = SeededRandom(seed: 100 + seed)
        for _ in 0..<20 {
            let draw = try RandomDraw(&random)
            let pool = try draw.pool()
            let ids = TaskRanges(draw.ranges)
            #expect(Set(pool).count == pool.count)
            #expect(pool.allSatisfy { task in ids.ranges.contains { $0.contains(task.rawValue) } })
            #expect(UInt64(pool.count) == min((11 * UInt64(draw.count) + 9) / 10, ids.count))
        }
    }

    @Test("a huge range, negative ids and all, is drawn from without walking it")
    func hugeRangesAreDrawnSparsely() throws {
        let abd = try EnvironmentName("abd")
        let pool = try Self.seed().pool(of: abd, from: TaskRanges([Int64.min..<Int64.max]), samplingCount: 300)
        #expect(Set(pool).count == 330)
        #expect(pool.contains { $0.rawValue < 0 } && pool.contains { $0.rawValue > 0 })
    }

    @Test("drawing all of a range gives a permutation of it")
    func wholeRangeIsPermuted() throws {
        let pool = try Self.seed().pool(of: EnvironmentName("abd"), from: TaskRanges([0..<1_000]), samplingCount: 1_000)
        #expect(pool.map(\.rawValue).sorted() == Array(0..<1_000))
        #expect(pool.map(\.rawValue) != Array(0..<1_000))
    }

    @Test("the newest tasks are drawn, all of them, in seeded order")
    func latestTakesTheNewest() throws {
        let abd = try EnvironmentName("abd")
        let tasks = TaskRanges([0..<90, 100..<110])
        let pool = try Self.seed().pool(of: abd, from: tasks, samplingCount: 20, selection: .latest)
        #expect(pool.map(\.rawValue).sorted() == Array(78..<90) + Array(100..<110))
        let other = try Self.seed(8).pool(of: abd, from: tasks, samplingCount: 20, selection: .latest)
        #expect(Set(other) == Set(pool) && other != pool)
    }

    @Test("window number, block hash and environment each change the pool; the hash's spelling does not")
    func everyPartOfTheSeedMatters() throws {
        let tasks = TaskRanges([0..<1_000_000])
        let (abd, ded) = (try EnvironmentName("abd"), try EnvironmentName("ded"))
        let pools = [
            try Self.seed().pool(of: abd, from: tasks, samplingCount: 10),
            try Self.seed().pool(of: ded, from: tasks, samplingCount: 10),
            try Self.seed(8).pool(of: abd, from: tasks, samplingCount: 10),
            try Self.seed(hash: String(Self.blockHash.reversed())).pool(of: abd, from: tasks, samplingCount: 10),
        ]
        #expect(Set(pools).count == pools.count)
        #expect(try Self.seed(hash: "0x" + Self.blockHash.uppercased()) == Self.seed())
    }

    @Test("each task of a range is about equally likely")
    func drawIsUniform() throws {
        var counts = [Int](repeating: 0, count: 11)
        for window in 1...2_200 {
            let first = try Self.seed(Int64(window)).pool(
                of: EnvironmentName("abd"), from: TaskRanges([0..<11]), samplingCount: 1)
            for task in first { counts[Int(task.rawValue)] += 1 }
        }
        // 2 of 11 in each of 2200 draws: 400 expected, standard deviation 18.
        #expect(counts.allSatisfy { (300...500).contains($0) }, "\(counts)")
    }

    @Test("more tasks than there are, or none, are refused", arguments: [Int64(0), -1, 11, .max])
    func impossibleCountsAreRefused(count: Int64) throws {
        #expect(throws: InvalidValue.self) {
            try Self.seed().pool(of: EnvironmentName("abd"), from: TaskRanges([0..<10]), samplingCount: count)
        }
    }

    @Test("overlapping and touching ranges count once")
    func rangesMerge() {
        let tasks = TaskRanges([10..<20, 0..<5, 15..<30, 5..<7, 40..<40])
        #expect(tasks.ranges == [0..<7, 10..<30])
        #expect(tasks.count == 27)
        #expect((0..<27).map { tasks[$0].rawValue } == Array(0..<7) + Array(10..<30))
    }

    @Test("a block hash is 64 hexadecimal digits", arguments: ["", "0x12", String(repeating: "g", count: 64)])
    func blockHashIsChecked(text: String) {
        #expect(throws: InvalidValue.self) { try BlockHash(text) }
    }
}

/// A random thing to draw, and its line for `window_check.py`.
private struct RandomDraw {
    let window: Int64
    let hash: String
    let environment: EnvironmentName
    let ranges: [Range<Int64>]
    let count: Int64
    let selection: TaskSelection

    init(_ random: inout SeededRandom) throws {
        window = Int64(random.int(1...100_000))
        hash =
            (random.chance(50) ? "0x" : "")
            + (0..<64).map { _ in random.pick(Array("0123456789abcdefABCDEF").map(String.init)) }.joined()
        environment = try EnvironmentName(random.pick(["abd", "ded", "affine:ded-v2", "swe.1"]))
        let width = random.pick([1, 10, 200, 1_000_000_000_000])
        // Of 3 · 2⁶² ids a quarter of the words has to be rejected.
        var ranges: [Range<Int64>] = random.chance(15) ? [-(3 << 61)..<(3 << 61)] : []
        while ranges.count < random.int(1...5) {
            let lower = Int64(random.int(-width...3 * width))
            ranges.append(lower..<(lower + Int64(random.int(1...width))))
        }
        self.ranges = ranges
        let most = Int(min(TaskRanges(ranges).count, 300))
        count = Int64(random.chance(30) ? most : random.int(1...most))
        selection = random.pick(TaskSelection.allCases)
    }

    var line: String {
        let ranges = ranges.map { "\($0.lowerBound):\($0.upperBound)" }.joined(separator: ",")
        return "\(window) \(hash) \(environment) \(count) \(selection.rawValue) \(ranges)"
    }

    func pool() throws -> [TaskID] {
        try WindowSeed(window: WindowID(rawValue: window), openingBlock: BlockHash(hash))
            .pool(of: environment, from: TaskRanges(ranges), samplingCount: count, selection: selection)
    }
}
