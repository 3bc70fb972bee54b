internal import Digest

/// A stream of draws that is the same on every machine, for ever: SHA-256 in counter mode with a bounded draw of our own.
struct SeededDraws: Sendable {
    private let key: [UInt8]
    private var counter: UInt64 = 0
    private var block: [UInt8] = []

    init(_ label: String) {
        key = SHA256Digest(of: label).bytes
    }

    /// Eight bytes of the stream, big-endian.
    mutating func next() -> UInt64 {
        if block.isEmpty {
            block = SHA256Digest(of: key + Self.bigEndian(counter)).bytes
            counter += 1
        }
        let value = block.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        block.removeFirst(8)
        return value
    }

    /// Every value in `0..<bound` equally likely (Lemire's method, with rejection).
    mutating func draw(below bound: UInt64) -> UInt64 {
        let floor = (0 &- bound) % bound
        while true {
            let (high, low) = next().multipliedFullWidth(by: bound)
            if low >= floor { return high }
        }
    }

    mutating func draw(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(draw(below: UInt64(range.upperBound - range.lowerBound + 1)))
    }

    /// One of the values, which must not be none.
    mutating func pick<Element>(_ values: [Element]) -> Element {
        values[draw(0...(values.count - 1))]
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }
}
