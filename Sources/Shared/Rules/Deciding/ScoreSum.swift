public import Domain

/// A sum of scores in nano-units, wide enough (128 bits) that no number of tasks overflows it.
public struct ScoreSum: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let zero = ScoreSum(nano: 0)

    public let nano: Int128

    public init(nano: Int128) {
        self.nano = nano
    }

    /// The sum of `count` equal scores.
    public init(_ score: Score, times count: Int64) {
        nano = Int128(count) * Int128(score.nano)
    }

    public static func < (left: Self, right: Self) -> Bool { left.nano < right.nano }
    public static func + (left: Self, right: Self) -> Self { Self(nano: left.nano + right.nano) }
    public static func - (left: Self, right: Self) -> Self { Self(nano: left.nano - right.nano) }
    public static func + (left: Self, right: Score) -> Self { Self(nano: left.nano + Int128(right.nano)) }
    public static prefix func - (sum: Self) -> Self { Self(nano: -sum.nano) }

    /// Nano-units, as an integer.
    public var description: String { String(nano) }

    /// The mean over `count` tasks for people to read: four decimals, half rounded away from zero. Nothing is decided on it.
    public func mean(over count: Int64) -> String {
        guard count > 0 else { return "nothing" }
        let step = Int128(count) * 100_000
        let rounded = (Int128(nano.magnitude) + step / 2) / step * (nano < 0 ? -1 : 1)
        return Score(nano: Int64(rounded * 100_000)).description
    }

    /// A distance per task for people to read; never a misleading `0`.
    package func distance(over count: Int64) -> String {
        let text = mean(over: count)
        return text == "0" && nano != 0 ? "less than 0.0001" : text
    }
}

/// In documents a sum is an integer, or its decimal digits as a string when 64 bits cannot hold it.
extension ScoreSum: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int64.self) {
            nano = Int128(value)
            return
        }
        let text = try container.decode(String.self)
        guard let value = Int128(text) else {
            throw InvalidValue(field: "sum", value: text, expected: "a whole number of nano-units")
        }
        nano = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value = Int64(exactly: nano) {
            try container.encode(value)
        } else {
            try container.encode(String(nano))
        }
    }
}
