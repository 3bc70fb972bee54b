import Glibc
import Statistics

/// Random numbers of a simulation, a stream of its own for each name.
struct Chance {
    private var generator: SeededGenerator

    init(_ name: String) {
        generator = SeededGenerator(hashing: name)
    }

    /// From 0 up to 1.
    mutating func unit() -> Double { Double(generator.next() >> 11) * 0x1p-53 }

    mutating func happens(_ probability: Double) -> Bool { unit() < probability }

    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.draw(below: UInt64(range.count)))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[int(0...elements.count - 1)] }

    /// Of mean 0 and deviation 1: Box and Muller's method (Ann. Math. Stat. 1958).
    mutating func normal() -> Double {
        let radius = sqrt(-2 * log(1 - unit()))
        return radius * cos(2 * .pi * unit())
    }

    mutating func permutation(of count: Int) -> [Int] { generator.permutation(of: count) }

    /// A beta distribution whose parameters both are `shape`, at most 1: Jöhnk's method (Metrika 1964).
    mutating func beta(_ shape: Double) -> Double {
        while true {
            let (left, right) = (pow(unit(), 1 / shape), pow(unit(), 1 / shape))
            if left + right > 0, left + right <= 1 { return left / (left + right) }
        }
    }
}

/// What `body` gives for 0 ..< `count`, in order, computed on all processors.
func inParallel<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
) async throws -> [Value] {
    let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let share = max(1, (count + processors - 1) / processors)
    return try await withThrowingTaskGroup(of: (Int, [Value]).self) { group in
        for start in stride(from: 0, to: count, by: share) {
            group.addTask { (start, try (start..<min(start + share, count)).map(body)) }
        }
        var parts: [(Int, [Value])] = []
        for try await part in group { parts.append(part) }
        return parts.sorted { $0.0 < $1.0 }.flatMap(\.1)
    }
}
