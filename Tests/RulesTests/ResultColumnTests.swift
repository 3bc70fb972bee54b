import Domain
import FoundationEssentials
import Rules
import TestSupport
import Testing

@Suite("Columns of results")
struct ResultColumnTests {
    private static let outcomes: [TaskResult?] = [nil, .modelFault, .infraFault, .environmentFault, .cancelled]

    /// A column keeps few different scores in fewer bytes than many; 2^16 is where it changes.
    @Test(
        "hold what was written, whatever was there before and however many different scores there are",
        arguments: [1, 2, 1_000, 65_535, 65_536, 65_537, 100_000])
    func writes(different: Int) throws {
        var random = SeededRandom(seed: different)
        let every = (0..<different).map { TaskResult.scored(Score(nano: Int64($0) - 50_000)) }
        let some = (0..<1_000).map { _ in
            random.chance(30) ? Self.outcomes[random.int(0...4)] : every[random.int(0...different - 1)]
        }
        let expected: [TaskResult?] = random.shuffled(some + every)
        var column = ResultColumn(missing: expected.count)
        #expect(column.allSatisfy { $0 == nil })
        for position in random.shuffled(Array(expected.indices)) {
            column[position] = every[random.int(0...different - 1)]
            column[position] = expected[position]
        }
        #expect(Array(column) == expected)
    }

    @Test("are equal, and hash equally, when they hold the same, in whatever order it was written")
    func equality() throws {
        let results: [TaskResult?] = Self.outcomes + [.scored(.one), .scored(.zero)]
        var column = ResultColumn(missing: results.count)
        for position in results.indices.reversed() {
            column[position] = .scored(Score(nano: Int64(position)))
            column[position] = results[position]
        }
        let other = ResultColumn(results)
        #expect(column == other)
        #expect(column.hashValue == other.hashValue)
        column[0] = .scored(.one)
        #expect(column != other)
        #expect(ResultColumn(missing: 1) != ResultColumn(missing: 2))
    }
}
