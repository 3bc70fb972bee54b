/// A truth value that may not be known yet (Kleene's logic): what is still unknown can only become `yes` or `no`.
public enum Trivalent: Int, Hashable, Comparable, Sendable {
    case no, unknown, yes

    /// The truth of `value > 0` for a value known to lie between `lower` and `upper`.
    package init(isPositive range: ClosedRange<Int128>) {
        self = range.lowerBound > 0 ? .yes : range.upperBound <= 0 ? .no : .unknown
    }

    /// The truth of `value ≥ 0` for a value known to lie between `lower` and `upper`.
    package init(isNotNegative range: ClosedRange<Int128>) {
        self = range.lowerBound >= 0 ? .yes : range.upperBound < 0 ? .no : .unknown
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public static func && (left: Self, right: Self) -> Self { min(left, right) }

    public static func || (left: Self, right: Self) -> Self { max(left, right) }

    /// Whether every value is `yes`; `yes` when there are none.
    public static func all(_ values: some Sequence<Trivalent>) -> Self { values.min() ?? .yes }

    /// Whether at least `minimum` values are `yes`.
    public static func atLeast(_ minimum: Int, of values: some Sequence<Trivalent>) -> Self {
        var certain = 0
        var possible = 0
        for value in values {
            certain += value == .yes ? 1 : 0
            possible += value == .no ? 0 : 1
        }
        return certain >= minimum ? .yes : possible < minimum ? .no : .unknown
    }
}
