/// On how many tasks the challenger scored higher, lower and the same: the numbers that people understand at once.
public struct WinsAndLosses: Hashable, Sendable {
    public let wins: Int
    public let losses: Int
    public let ties: Int

    public init(wins: Int, losses: Int, ties: Int) {
        self.wins = wins
        self.losses = losses
        self.ties = ties
    }

    /// The exact two-sided p-value of McNemar's test: how likely wins and losses lie at least this far apart when a
    /// task on which the sides differ is as likely a win as a loss. min(1, 2 · P(X ≤ min(wins, losses))) for X binomial
    /// with wins + losses trials and probability ½; 1 without any.
    ///
    /// Q. McNemar, Note on the Sampling Error of the Difference Between Correlated Proportions, Psychometrika 1947; the
    /// exact form as in Fagerland, Lydersen and Laake, The McNemar Test for Binary Matched-Pairs Data, BMC Med. Res.
    /// Methodol. 2013. For scores between the bounds this is the sign test, which sees only who was better.
    public var exactP: Double {
        guard wins != losses else { return 1 }
        return min(1, 2 * fairCoin.atMost(min(wins, losses)))
    }

    /// The mid-p value: `exactP` less the probability of exactly what was seen. It is less cautious than the exact
    /// value, which discreteness keeps well below its nominal level (Fagerland, Lydersen and Laake 2013).
    public var midP: Double {
        guard wins != losses else { return 1 }
        let fewer = min(wins, losses)
        return 2 * fairCoin.atMost(fewer) - fairCoin.mass(at: fewer)
    }

    private var fairCoin: Binomial { Binomial(trials: wins + losses, probability: 0.5) }
}

extension PairedSample {
    public var winsAndLosses: WinsAndLosses {
        let wins = pairs.count { $0.difference > 0 }
        let losses = pairs.count { $0.difference < 0 }
        return WinsAndLosses(wins: wins, losses: losses, ties: count - wins - losses)
    }
}
