/// The odds of a copy under the strict rule for margins of 0.01, 0.02, 0.03 and 0.05, to two digits, as SciPy gives
/// them by `norm.sf(m * sqrt(n) / (sd * sqrt(2 * (1 - rho)))) ** environments`; and the number of copies for an even
/// bet, ln 2 / odds.
enum CopyTable {
    struct Row: Sendable {
        let tasks: Int, deviation: Double, correlation: Double, environments: Int, odds: [Double]

        init(_ tasks: Int, _ deviation: Double, _ correlation: Double, _ environments: Int, _ odds: [Double]) {
            (self.tasks, self.deviation, self.correlation) = (tasks, deviation, correlation)
            (self.environments, self.odds) = (environments, odds)
        }
    }

    struct Bet: Sendable {
        let tasks: Int, deviation: Double, margin: String, environments: Int, correlation: Double
        let copies: Double, ofHundred: Double

        init(
            _ tasks: Int, _ deviation: Double, _ margin: String, _ environments: Int, _ correlation: Double,
            _ copies: Double, _ ofHundred: Double
        ) {
            (self.tasks, self.deviation, self.margin) = (tasks, deviation, margin)
            (self.environments, self.correlation) = (environments, correlation)
            (self.copies, self.ofHundred) = (copies, ofHundred)
        }
    }

    static let rows = [
        Row(200, 0.3, 0, 4, [1.9e-2, 4.1e-3, 6.3e-4, 5.2e-6]),
        Row(200, 0.3, 0, 5, [6.9e-3, 1.0e-3, 1.0e-4, 2.5e-7]),
        Row(200, 0.3, 0, 6, [2.5e-3, 2.6e-4, 1.6e-5, 1.2e-8]),
        Row(200, 0.4, 0, 4, [2.6e-2, 9.1e-3, 2.6e-3, 1.2e-4]),
        Row(200, 0.4, 0, 5, [1.0e-2, 2.8e-3, 6.0e-4, 1.3e-5]),
        Row(200, 0.4, 0, 6, [4.2e-3, 8.6e-4, 1.4e-4, 1.4e-6]),
        Row(200, 0.5, 0, 4, [3.1e-2, 1.4e-2, 5.7e-3, 6.3e-4]),
        Row(200, 0.5, 0, 5, [1.3e-2, 4.9e-3, 1.6e-3, 1.0e-4]),
        Row(200, 0.5, 0, 6, [5.5e-3, 1.7e-3, 4.3e-4, 1.6e-5]),
        Row(250, 0.3, 0, 4, [1.6e-2, 2.7e-3, 3.0e-4, 9.5e-7]),
        Row(250, 0.3, 0, 5, [5.6e-3, 6.2e-4, 4.0e-5, 3.0e-8]),
        Row(250, 0.3, 0, 6, [2.0e-3, 1.4e-4, 5.2e-6, 9.2e-10]),
        Row(250, 0.4, 0, 4, [2.3e-2, 6.9e-3, 1.6e-3, 4.3e-5]),
        Row(250, 0.4, 0, 5, [9.0e-3, 2.0e-3, 3.3e-4, 3.5e-6]),
        Row(250, 0.4, 0, 6, [3.5e-3, 5.7e-4, 6.6e-5, 2.9e-7]),
        Row(250, 0.5, 0, 4, [2.9e-2, 1.1e-2, 4.0e-3, 3.0e-4]),
        Row(250, 0.5, 0, 5, [1.2e-2, 3.8e-3, 1.0e-3, 4.0e-5]),
        Row(250, 0.5, 0, 6, [4.9e-3, 1.2e-3, 2.5e-4, 5.2e-6]),
        Row(300, 0.3, 0, 4, [1.4e-2, 1.8e-3, 1.5e-4, 1.8e-7]),
        Row(300, 0.3, 0, 5, [4.6e-3, 3.8e-4, 1.6e-5, 3.7e-9]),
        Row(300, 0.3, 0, 6, [1.6e-3, 7.9e-5, 1.8e-6, 7.7e-11]),
        Row(300, 0.4, 0, 4, [2.1e-2, 5.3e-3, 1.0e-3, 1.6e-5]),
        Row(300, 0.4, 0, 5, [7.9e-3, 1.4e-3, 1.8e-4, 9.8e-7]),
        Row(300, 0.4, 0, 6, [3.0e-3, 3.9e-4, 3.3e-5, 6.2e-8]),
        Row(300, 0.5, 0, 4, [2.6e-2, 9.5e-3, 2.9e-3, 1.5e-4]),
        Row(300, 0.5, 0, 5, [1.1e-2, 3.0e-3, 6.6e-4, 1.6e-5]),
        Row(300, 0.5, 0, 6, [4.3e-3, 9.2e-4, 1.5e-4, 1.8e-6]),
        Row(300, 0.5, 0.5, 4, [1.8e-2, 3.6e-3, 5.0e-4, 3.0e-6]),
        Row(300, 0.5, 0.5, 6, [2.3e-3, 2.1e-4, 1.1e-5, 5.2e-9]),
        Row(300, 0.5, 0.8, 4, [7.3e-3, 3.5e-4, 6.3e-6, 9.1e-11]),
        Row(300, 0.5, 0.8, 6, [6.2e-4, 6.5e-6, 1.6e-8, 8.6e-16]),
    ]

    /// Tasks, deviation, margin, environments, correlation; copies; odds of at least one of a hundred.
    static let bets = [
        Bet(200, 0.5, "0.01", 4, 0, 22, 0.96),
        Bet(200, 0.5, "0.03", 4, 0, 122, 0.43),
        Bet(300, 0.5, "0.03", 4, 0, 242, 0.25),
        Bet(200, 0.4, "0.02", 5, 0, 248, 0.24),
        Bet(200, 0.5, "0.03", 6, 0, 1_630, 0.042),
        Bet(300, 0.5, "0.05", 4, 0, 4_680, 0.015),
        Bet(300, 0.5, "0.02", 5, 0.5, 798, 0.083),
        Bet(300, 0.5, "0.03", 5, 0.5, 9_330, 0.0074),
        Bet(200, 0.5, "0.01", 4, 0.8, 60, 0.68),
        Bet(300, 0.5, "0.02", 4, 0.8, 1_990, 0.034),
        Bet(300, 0.5, "0.03", 4, 0.8, 109_000, 6.3e-4),
    ]

    /// Whether a value rounds to `expected`, which has two digits.
    static func agrees(_ value: Double, _ expected: Double) -> Bool {
        var unit = 1.0
        while expected < 10 * unit { unit /= 10 }
        while expected >= 100 * unit { unit *= 10 }
        return abs(value - expected) <= 0.5001 * unit
    }
}
