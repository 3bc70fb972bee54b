public import ArgumentParser
import Coordinator
import Domain
import Rules

/// Bounds of the arena, for commands that move it.
struct ArenaOptions: ParsableArguments {
    @Option(help: "Blocks after which the task pool is drawn anew.")
    var refreshBlocks: Int64 = 7_200

    @Option(help: "Hours a contest may take.")
    var contestHours: Int64 = 24

    @Option(help: "Hours the champion's baseline may take.")
    var baselineHours: Int64 = 6

    @Option(
        help: "Tasks of each environment that the champion runs a second time, to measure the odds of a copy; 0: none.")
    var rerunTasks = 50

    @Flag(help: "Read ranges of task ids (--range-source) from addresses that are not public, too.")
    var privateSources = false

    @Flag(inversion: .prefixedNo, help: "End a contest as soon as its verdict can no longer change.")
    var curtail = true

    @Option(
        help: ArgumentHelp(
            "End a contest also on evidence, with this chance to contradict the full slate.",
            discussion: """
                For each environment and side, such as 0.05. Tasks then run in the slate's order instead of those first that \
                decide soonest. Without it a contest ends early only when its verdict is certain.
                """))
    var anytime: String?

    @Option(
        help: ArgumentHelp(
            "Scores of an environment that may yet turn out to be void.",
            discussion: "A contest ends early only once its verdict would stand without them, whichever they are."))
    var voidAllowance: Int64 = 0

    @Option(
        help: ArgumentHelp(
            "Standard errors to take from a challenger's gain before it is held against the margin.",
            discussion: """
                1.65 is a one-sided 95 % lower bound for slates of some hundred tasks. Without it the gain itself is \
                held against the margin. It acts on windows that open from now on.
                """))
    var criticalValue: String?

    @Option(
        help: ArgumentHelp(
            "Environments in which a challenger has to beat the champion, without being worse in any; all if not given.",
            discussion: """
                The rule is partial_pareto then: what counts as worse is each environment's --tolerance or \
                --additive-tolerance. It acts on windows that open from now on.
                """))
    var minDominant: Int?

    @Option(
        help: ArgumentHelp(
            "Miners next in the queue whose evaluations may begin while a contest runs; it never changes a verdict.",
            discussion:
                "They run on workers that the contest leaves idle. 0 saves what a contest that ends early would not run."
        ))
    var lookAhead = 1

    @Option(
        help: ArgumentHelp(
            "The order of a challenger's environments; it never changes a verdict.",
            discussion: """
                auto: one after another, the one first in which a copy of the champion would be refuted soonest. \
                serial: one after another as they were defined. parallel: side by side.
                """))
    var environmentOrder = ArenaSettings.EnvironmentOrder.auto

    @OptionGroup var copies: CopyCheckOptions

    func validate() throws {
        for (name, value) in [
            ("--refresh-blocks", refreshBlocks), ("--contest-hours", contestHours), ("--baseline-hours", baselineHours),
        ] where value < 1 {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 or more")
        }
        guard 0...100_000 ~= rerunTasks else {
            throw ValidationError("--rerun-tasks '\(rerunTasks)' is not valid: expected 0 to 100000")
        }
        guard 0...64 ~= lookAhead else {
            throw ValidationError("--look-ahead '\(lookAhead)' is not valid: expected 0 to 64")
        }
        guard 0...(curtail ? RuleDocument.maxVoidAllowance : 0) ~= voidAllowance else {
            throw ValidationError(
                "--void-allowance '\(voidAllowance)' is not valid: expected 0 to \(RuleDocument.maxVoidAllowance), and 0 "
                    + "with --no-curtail")
        }
        if let minDominant, !(1...RuleDocument.maxEnvironments).contains(minDominant) {
            throw ValidationError(
                "--min-dominant '\(minDominant)' is not valid: expected 1 to \(RuleDocument.maxEnvironments)")
        }
        if let anytime {
            guard let nano = Score(decimal: anytime)?.nano, RuleDocument.alphaRange.contains(nano) else {
                throw ValidationError("--anytime '\(anytime)' is not valid: expected 0.000001 to 0.5")
            }
            guard curtail, criticalValue == nil, voidAllowance == 0, minDominant == nil else {
                throw ValidationError(
                    "--anytime can't be combined with --no-curtail, --critical-value, --void-allowance or --min-dominant"
                )
            }
        }
        if let criticalValue, confidence == nil {
            throw ValidationError(
                "--critical-value '\(criticalValue)' is not valid: expected a number from 0.000001 to 100 with at most six "
                    + "decimals")
        }
    }

    private var confidence: ConfidenceBound? {
        guard let nano = criticalValue.flatMap({ Score(decimal: $0)?.nano }), nano.isMultiple(of: 1_000),
            ConfidenceBound.range.contains(nano / 1_000)
        else { return nil }
        return ConfidenceBound(criticalMicro: nano / 1_000)
    }

    var settings: ArenaSettings {
        var settings = ArenaSettings()
        settings.refreshBlocks = refreshBlocks
        settings.contestDeadline = .seconds(contestHours * 3_600)
        settings.baselineDeadline = .seconds(baselineHours * 3_600)
        settings.rerunTasks = rerunTasks
        settings.readsPrivateSources = privateSources
        settings.curtail = curtail
        settings.voidAllowance = voidAllowance
        settings.alphaNano = anytime.flatMap { Score(decimal: $0)?.nano }
        settings.confidence = confidence
        settings.minDominant = minDominant
        settings.lookAhead = lookAhead
        settings.environmentOrder = environmentOrder
        settings.copyCheck = copies.settings
        return settings
    }
}

extension ArenaSettings.EnvironmentOrder: ExpressibleByArgument {}
