public import Domain

/// What the strict rule asks in one environment: Σx − Σc > N·m, a tie keeps the champion.
public struct StrictBar: Hashable, Sendable {
    /// N, the slate's length.
    public let tasks: Int
    /// m, how much better per task the challenger has to be.
    public let margin: Score

    /// - Throws: `InvalidValue` unless 1 ≤ `tasks` ≤ 1,000,000.
    public init(tasks: Int, margin: Score) throws(InvalidValue) {
        guard (1...1_000_000).contains(tasks) else {
            throw InvalidValue(field: "tasks", value: String(tasks), expected: "1 to 1000000")
        }
        self.tasks = tasks
        self.margin = margin
    }

    /// N·m in nano-units.
    var product: Int128 { Int128(tasks) * Int128(margin.nano) }

    /// N·m in units of scores.
    var distance: Double { Double(product) / Double(Score.unit) }

    /// ⌊N·m / step⌋: of sums that are multiples of `step` nano-units the next one is the first to clear the bar.
    func wholeSteps(of step: Int64) -> Int128 {
        let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(step))
        return remainder < 0 ? quotient - 1 : quotient
    }
}
