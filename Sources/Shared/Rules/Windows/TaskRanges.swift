public import Domain

/// The task ids of a data set, as half-open ranges. However they are given, they are kept sorted, and merged where they
/// overlap or touch.
public struct TaskRanges: Hashable, Sendable {
    public private(set) var ranges: [Range<Int64>] = []
    /// How many ids lie before each range.
    private var offsets: [UInt64] = []
    /// How many ids there are.
    public private(set) var count: UInt64 = 0

    public init(_ ranges: [Range<Int64>]) {
        for range in ranges.filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound {
                self.ranges[self.ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
        for range in self.ranges {
            offsets.append(count)
            count += Self.length(of: range)
        }
    }

    /// The id at an index of the sorted ids.
    public subscript(index: UInt64) -> TaskID {
        precondition(index < count, "index \(index) is not below the \(count) ids")
        var (low, high) = (0, offsets.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if offsets[middle] <= index { low = middle } else { high = middle }
        }
        let distance = index - offsets[low]
        return TaskID(rawValue: Int64(truncatingIfNeeded: UInt64(bitPattern: ranges[low].lowerBound) &+ distance))
    }

    /// A range of `Int64` can be longer than `Int64.max`, never longer than 2⁶⁴ − 1.
    private static func length(of range: Range<Int64>) -> UInt64 {
        UInt64(bitPattern: range.upperBound) &- UInt64(bitPattern: range.lowerBound)
    }
}
