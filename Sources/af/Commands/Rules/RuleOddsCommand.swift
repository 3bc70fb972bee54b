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
            let window = rule.window.map(WindowID.init(rawValue:))
            odds = try await Backend.with(options) {
                try await WindowHistory(database: $0.database)
                    .odds(in: window, correlation: correlation, power: power)
            }
        }
        if options.json { try Output.json(odds) } else { show(odds) }
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
                        RuleOdds.text(noise.standardDeviation), RuleOdds.text(noise.correlation),
                        environment.estimate.source.description, RuleOdds.text(probability: environment.copy),
                        RuleOdds.text(environment.smallestGain),
                    ]
                })
        print("\n\(odds.copyWords)\n\(odds.gainWords)")
    }
}
