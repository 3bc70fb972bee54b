import Affine
import Domain

/// Which tasks a person chose: some by number, or so many at random.
struct TaskSelection: Sendable {
    /// So many results, conversations included, are held in memory and written at once.
    static let most = 100_000

    private let ranges: [Range<Int64>]
    private let samples: Int?
    private let drawSeed: UInt64

    /// - Parameter tasks: Numbers and half-open ranges with commas between them; nil stands for the first million.
    /// - Throws: `InvalidValue` naming `tasks` or `samples`.
    init(tasks: String?, samples: Int?, drawSeed: UInt64) throws {
        ranges = try (tasks ?? "0..<1000000").split(separator: ",", omittingEmptySubsequences: false).map {
            try Self.range($0)
        }
        self.samples = samples
        self.drawSeed = drawSeed
        if let samples {
            guard ranges.count == 1, 1...min(Self.most, ranges[0].count) ~= samples else {
                throw InvalidValue(
                    field: "samples", value: String(samples),
                    expected: ranges.count == 1
                        ? "1 to \(min(Self.most, ranges[0].count))" : "one range of --tasks to draw from")
            }
        } else if ranges.reduce(into: 0.0, { $0 += Double($1.count) }) > Double(Self.most) {
            throw InvalidValue(
                field: "tasks", value: tasks ?? "", expected: "at most \(Self.most): --samples draws some of them")
        }
    }

    /// Each task once. Drawn tasks differ between environments, and are the same for the same draw seed.
    func tasks(in environment: TaskEnvironment) -> [Int64] {
        if let samples { return environment.draw(samples, from: ranges[0], seed: drawSeed) }
        var seen: Set<Int64> = []
        return ranges.joined().filter { seen.insert($0).inserted }
    }

    private static func range(_ text: Substring) throws -> Range<Int64> {
        let ends = text.split(separator: "..<", omittingEmptySubsequences: false).map { Int64($0) }
        if ends.count == 1, let task = ends[0], 0..<Int64.max ~= task { return task..<(task + 1) }
        guard ends.count == 2, let lower = ends[0], let upper = ends[1], 0 <= lower, lower < upper else {
            throw InvalidValue(
                field: "tasks", value: String(text), expected: "numbers of 0 or more such as 0..<20 or 1,5,7")
        }
        return lower..<upper
    }
}
