internal import Glibc

/// The difference of two sums of scores of 0 and 1: each of N tasks is a win (+1), a loss (−1) or a tie, independently.
struct WinLossWalk {
    let tasks: Int
    let win: Double
    let loss: Double

    /// P(wins − losses > `threshold`), exactly but for rounding.
    ///
    /// The number of tasks that differ is D ~ Bin(N, win + loss), and given D the wins are Bin(D, win / (win + loss)),
    /// so P = Σ_D P(D) · P(wins ≥ ⌊(D + threshold)/2⌋ + 1). The sum goes outwards from the likeliest D, until what is
    /// left can't be seen.
    func above(_ threshold: Int) -> Double {
        let differing = Binomial(trials: tasks, probability: min(1, win + loss))
        guard differing.probability > 0 else { return threshold < 0 ? 1 : 0 }
        let share = min(1, win / (win + loss))
        let likeliest = min(tasks, Int(Double(tasks + 1) * differing.probability))
        var total = 0.0
        func add(_ differ: Int) -> Bool {
            let mass = differing.mass(at: differ)
            let least = (differ + threshold) >> 1  // rounds down, also below zero
            total += mass * Binomial(trials: differ, probability: share).atLeast(least + 1)
            return mass > total * 1e-20
        }
        for differ in likeliest...tasks where !add(differ) { break }
        for differ in stride(from: likeliest - 1, through: 0, by: -1) where !add(differ) { break }
        return min(1, total)
    }
}

extension WinLossWalk {
    /// Challenger with mean `mean` + `gain` against a champion with mean `mean`, whose results on a task are
    /// correlated by `correlation`: P(both succeed) = p p' + ρ √(p(1 − p) p'(1 − p')), as far as two such results can
    /// be correlated. For a gain of 0 a win and a loss each have probability p(1 − p)(1 − ρ), however the tasks'
    /// difficulties vary.
    init(tasks: Int, mean: Double, gain: Double, correlation: Double) {
        let better = mean + gain
        let spread = (mean * (1 - mean) * better * (1 - better)).squareRoot()
        let both = max(max(0, mean + better - 1), min(min(mean, better), mean * better + correlation * spread))
        self.tasks = tasks
        win = max(0, better - both)
        loss = max(0, mean - both)
    }
}
