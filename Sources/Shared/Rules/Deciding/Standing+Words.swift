/// Phrases about a standing. Means are rounded for reading; the interval of an unfinished environment is given
/// instead of its mean, which would be biased by when the contest stopped.
extension Standing {
    /// The challenger's mean, or its interval, against the champion's.
    var comparison: String {
        let count = tally.tasks
        let lowest = lowestSum.mean(over: count)
        let challenger = isComplete ? lowest : "\(lowest) to \(highestSum.mean(over: count))"
        return "\(challenger) against \(tally.championSum.mean(over: count))"
    }

    /// Why the bar is cleared and yet nothing is won; nil when that is not so.
    var doubt: String? {
        guard isConfident == .no, lower > .zero, let confidence = terms.confidence else { return nil }
        return "\(lower.distance(over: tally.tasks)) above it, but not \(confidence) above it"
    }

    /// How much of an unfinished environment is decided.
    var progress: String {
        isComplete ? "" : " (\(tally.decided) of \(tally.tasks) tasks decided)"
    }
}
