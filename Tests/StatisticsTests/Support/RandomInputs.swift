import Domain
import Statistics

extension SeededGenerator {
    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(draw(below: UInt64(range.upperBound - range.lowerBound + 1)))
    }

    /// Evenly from 0 up to 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func number(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * fraction()
    }

    /// A power of ten with an even exponent: every order of magnitude is as likely as the next.
    mutating func magnitude(_ exponents: ClosedRange<Double>) -> Double {
        var value = 1.0
        let exponent = number(exponents)
        for _ in 0..<Int(abs(exponent)) { value *= 10 }
        value *= 1 + 9 * (abs(exponent) - abs(exponent).rounded(.down))
        return exponent < 0 ? 1 / value : value
    }

    mutating func chance(_ probability: Double) -> Bool { fraction() < probability }

    /// Scores of 0 and 1, or fractions of every kind, some of the tasks in clusters.
    mutating func pairs(count: Int, isBinary: Bool, clusters: Int = 0) -> [ScorePair] {
        let range = chance(0.5) ? 1_000_000_000 : 100_000_000_000
        return (0..<count).map { _ in
            func score(_ generator: inout SeededGenerator) -> Score {
                Score(nano: Int64(isBinary ? 1_000_000_000 * generator.int(0...1) : generator.int(-range...range)))
            }
            let cluster = clusters > 0 && chance(0.9) ? "c\(int(1...clusters))" : nil
            return ScorePair(champion: score(&self), challenger: score(&self), cluster: cluster)
        }
    }
}

extension [ScorePair] {
    /// As `statistics_check.py` reads them.
    var line: String {
        map { "\($0.champion.nano):\($0.challenger.nano):\($0.cluster ?? "")" }.joined(separator: ",")
    }
}
