import Domain

/// Evidence, task by task in the slate's order, of whether the full slate will clear the margin: `stopping: anytime`.
///
/// Two gamblers bet on the next difference at odds that are fair if the slate ends exactly at the bar, one that it ends above
/// and one that it does not; by Ville's inequality (1939) either one's wealth ever reaches 1/alpha with probability alpha at
/// most, if the order of the slate is random and was fixed beforehand. Betting without replacement: Waudby-Smith and Ramdas,
/// Estimating Means of Bounded Random Variables by Betting (JRSS B 2024, arXiv 2010.09686), section 5; the formulas are those
/// of `Statistics.BettingTest`.
///
/// Everything is an integer with 32 bits after the point. Wealth is rounded down, which only makes it harder to reach
/// 1/alpha; the size of a bet may be any that follows from the past, so that its logarithms may be coarse.
struct BettingStop {
    private static let one: Int128 = 1 << 32
    private static let wealthOne: Int128 = 1 << 48
    /// ln 2.
    private static let ln2: Int128 = 2_977_044_472

    private let tasks: Int128
    private let range: Int128
    private let bar: Int128
    /// Wealth times alpha in 1e-9 has to reach this.
    private let alphaNano: Int128
    private let confidence: Int128

    private var count: Int128 = 0
    private var sum: Int128 = 0
    private var above = wealthOne
    private var notAbove = wealthOne
    private var scaledSum: Int128 = 0
    private var spread: Int128 = 0

    init(terms: EnvironmentTerms, alphaNano: Int64) {
        tasks = Int128(terms.samplingCount)
        range = Int128(terms.bounds.hi.nano) - Int128(terms.bounds.lo.nano)
        bar = tasks * Int128(terms.margin.nano)
        self.alphaNano = Int128(alphaNano)
        confidence = 2 * Self.logarithm(of: 2 * Int128(Score.unit) / self.alphaNano)
    }

    /// Whether the slate is above the bar, as far as the evidence goes.
    var evidence: Trivalent {
        let needed = Self.wealthOne * Int128(Score.unit)
        return above * alphaNano >= needed ? .yes : notAbove * alphaNano >= needed ? .no : .unknown
    }

    /// Takes in the next task of the slate; nothing more is learnt once the rest can't change the end.
    mutating func add(difference: Int128) {
        let left = tasks - count
        // N b − Σz over what is left: where the mean of the rest would be if the slate ended at the bar.
        let atBar = ((bar - sum + left * range) * Self.one) / (2 * range * left)
        sum += difference
        count += 1
        guard 0 < atBar, atBar < Self.one else { return }
        let z = (difference + range) * Self.one / (2 * range)
        let (size, square) = (betSize, Self.one * Self.one)
        let onAbove = factor(min(size, square * 3 / (4 * atBar)), z - atBar)
        let onNotAbove = factor(min(size, square * 3 / (4 * (Self.one - atBar))), atBar - z)
        above = (above * onAbove) >> 32
        notAbove = (notAbove * onNotAbove) >> 32
        scaledSum += z
        let mean = (Self.one / 2 + scaledSum) / (count + 1)
        spread += ((z - mean) * (z - mean)) >> 32
    }

    /// √(2 ln(2/alpha) / (v t ln(1 + t))), of which v t = ¼ + the spread so far.
    private var betSize: Int128 {
        let below = ((Self.one / 4 + spread) * Self.logarithm(of: count + 1)) >> 32
        return Self.squareRoot(of: ((confidence << 32) / max(1, below)) << 32)
    }

    private func factor(_ size: Int128, _ distance: Int128) -> Int128 { Self.one + ((size * distance) >> 32) }

    /// ln of a whole number of 1 or more, by straight lines between powers of two.
    private static func logarithm(of number: Int128) -> Int128 {
        let power = Int128(127 - number.leadingZeroBitCount)
        let fraction = ((number - (1 << power)) << 32) >> power
        return (((power << 32) + fraction) * ln2) >> 32
    }

    private static func squareRoot(of number: Int128) -> Int128 {
        var root: Int128 = 1 << Int128((128 - number.leadingZeroBitCount + 1) / 2)
        while true {
            let next = (root + number / root) / 2
            guard next < root else { return root }
            root = next
        }
    }
}

extension EnvironmentSlate {
    /// The evidence of the tasks from the first on, as far as the challenger has decided them without a gap.
    package func evidence(under terms: EnvironmentTerms, alphaNano: Int64) -> Trivalent {
        var bets = BettingStop(terms: terms, alphaNano: alphaNano)
        for position in indices {
            guard let score = challenger.counted(position, within: terms.bounds) else { break }
            let baseline = champion.counted(position, within: terms.bounds) ?? terms.bounds.lo.nano
            bets.add(difference: Int128(score) - Int128(baseline))
            // What the evidence says at some time is said for ever.
            guard bets.evidence == .unknown else { break }
        }
        return bets.evidence
    }
}
