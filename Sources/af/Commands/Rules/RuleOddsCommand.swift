import ArgumentParser
import Coordinator
import Domain
import Rules
import Statistics

struct RuleOddsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "odds", abstract: "How far luck alone gets under a rule, and what a contest can find out.",
        discussion: """
            How likely an identical copy of the champion takes the throne, how many copies make that an even bet, and the \
            smallest true gain with which a challenger wins. The noise between two runs of one model is measured where the \
            champion ran tasks twice (--rerun-tasks of the coordinator); else the spread of its scores is known and \
            --correlation is assumed. With --rule no database is asked: scores are 0 or 1 with mean --mean. \
            docs/statistics.md has the formulas.
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var rule: RuleOptions

    @Option(help: "How far two runs on a task agree where that was not measured: 0 (not at all, the worst) to 1.")
    var correlation = 0.0

    @Option(help: "With --rule: the champion's mean score.")
    var mean = 0.5

    @Option(help: "The probability with which the smallest gain is to win.")
    var power = 0.8

    func validate() throws {
        for (name, value) in [("--correlation", correlation), ("--mean", mean), ("--power", power)]
        where !(0...1).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 0 to 1")
        }
    }

    func run() async throws {
        let odds: RuleOdds
        if let document = try rule.document() {
            let estimate = try NoiseEstimate(assumedMean: mean, correlation: correlation)
            let estimates = document.environments.map { ($0.name, estimate) }
            odds = try RuleOdds(
                rule: document, estimates: Dictionary(uniqueKeysWithValues: estimates), power: power)
        } else {
            odds = try await Backend.with(options) { try await measured(WindowHistory(database: $0.database)) }
        }
        if options.json { try Output.json(odds) } else { show(odds) }
    }

    private func measured(_ history: WindowHistory) async throws -> RuleOdds {
        let (window, document) = try await history.rule(of: rule.window.map(WindowID.init(rawValue:)))
        var estimates: [EnvironmentName: NoiseEstimate] = [:]
        for champion in try await history.championScores(in: window) where champion.scores.count > 1 {
            estimates[champion.environment] = try NoiseEstimate(
                scores: champion.scores, reruns: champion.reruns, correlation: correlation)
        }
        return try RuleOdds(rule: document, estimates: estimates, power: power)
    }

    private func show(_ odds: RuleOdds) {
        Output.table(
            [
                [
                    "environment", "tasks", "margin", "deviation", "correlation", "known from", "a copy wins",
                    "smallest gain",
                ]
            ]
                + odds.environments.map { environment in
                    let noise = environment.estimate.noise
                    return [
                        environment.environment.rawValue, "\(environment.tasks)", environment.margin.description,
                        Self.text(noise.standardDeviation), Self.text(noise.correlation),
                        environment.estimate.source.description, Self.text(probability: environment.copy),
                        Self.text(environment.smallestGain),
                    ]
                })
        let copies =
            odds.copiesForAnEvenBet.map { "\($0) copies make that an even bet" } ?? "no number of copies is a bet"
        print(
            """

            An identical copy takes the throne with probability \(Self.text(probability: odds.copy)): \(copies).
            A challenger with the smallest gain in every environment takes it with probability \(Self.text(odds.power)).
            """)
    }

    private static func text(_ value: Double) -> String {
        Score(rounding: (value * 10_000).rounded() / 10_000)?.description ?? "\(value)"
    }

    /// Small ones as `1 in 242`.
    private static func text(probability: Double) -> String {
        guard probability > 0, probability < 0.1, let trials = Int(exactly: (1 / probability).rounded()) else {
            return text(probability)
        }
        return "1 in \(trials)"
    }
}
