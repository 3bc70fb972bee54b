/// A score as an exact fixed-point number in nano-units (1e-9), so that sums do not depend on order or machine.
public struct Score: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Nano-units in one unit.
    public static let unit: Int64 = 1_000_000_000
    public static let zero = Score(nano: 0)
    public static let one = Score(nano: unit)

    public let nano: Int64

    public init(nano: Int64) {
        self.nano = nano
    }

    /// Reads plain decimal notation such as `0.03`, `-1` or `12.5`: at most nine decimals, no exponent; else nil.
    public init?(decimal text: some StringProtocol) {
        var digits = text[...]
        let negative = digits.first == "-"
        if negative { digits = digits.dropFirst() }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.utf8.allSatisfy(Self.isDigit),
            let units = Int64(whole)
        else { return nil }
        var fraction: Int64 = 0
        if parts.count == 2 {
            guard (1...9).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(Self.isDigit),
                let value = Int64(parts[1] + String(repeating: "0", count: 9 - parts[1].utf8.count))
            else { return nil }
            fraction = value
        }
        let (scaled, tooLarge) = units.multipliedReportingOverflow(by: Self.unit)
        let (sum, overflow) = scaled.addingReportingOverflow(fraction)
        guard !tooLarge, !overflow else { return nil }
        nano = negative ? -sum : sum
    }

    /// Rounds a finite number that an environment reported to the nearest nano-unit, ties to even; nil when not finite
    /// or beyond ±9 · 10⁹.
    public init?(rounding value: Double) {
        guard value.isFinite, abs(value) < 9e9 else { return nil }
        nano = Int64((value * Double(Self.unit)).rounded(.toNearestOrEven))
    }

    public init(from decoder: any Decoder) throws {
        nano = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nano)
    }

    public static func < (left: Self, right: Self) -> Bool { left.nano < right.nano }

    /// Plain decimal notation without trailing zeros: `0.03`, `-1`, `0`.
    public var description: String {
        let magnitude = nano.magnitude
        let units = magnitude / UInt64(Self.unit)
        let fraction = String(magnitude % UInt64(Self.unit))
        let padded = String(repeating: "0", count: 9 - fraction.count) + fraction
        let trimmed = padded.reversed().drop { $0 == "0" }.reversed()
        return (nano < 0 ? "-" : "") + String(units) + (trimmed.isEmpty ? "" : "." + String(trimmed))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// The lowest and highest score an environment can give.
public struct ScoreBounds: Hashable, Sendable, Codable, CustomStringConvertible {
    public let lo: Score
    public let hi: Score

    /// What most environments give.
    public static let zeroToOne = ScoreBounds(ordered: .zero, .one)

    /// Nil unless `lo < hi`.
    public init?(lo: Score, hi: Score) {
        guard lo < hi else { return nil }
        self.init(ordered: lo, hi)
    }

    private init(ordered lo: Score, _ hi: Score) {
        self.lo = lo
        self.hi = hi
    }

    public func contains(_ score: Score) -> Bool { lo <= score && score <= hi }

    public var description: String { "[\(lo), \(hi)]" }
}
