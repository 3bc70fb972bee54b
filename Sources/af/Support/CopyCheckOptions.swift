import ArgumentParser
import Coordinator
import Domain

/// Whether, and how, a challenger's model is held against the champion's before its contest.
struct CopyCheckOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Hold a challenger's model against the champion's before its contest; a copy leaves the queue.",
            discussion: """
                Both models are asked for the next token after texts cut from what the champion said in its baseline, on \
                workers that keep transcripts. Engines have to give log-probabilities at /v1/completions.
                """))
    var copyCheck = false

    @Option(help: "Nats: where the models are in doubt, a copy's log-probabilities differ by less, in the median.")
    var copyGap = "0.05"

    @Option(help: "Texts at which one of the models is in doubt that it takes for a verdict.")
    var copyPositions = 50

    @Option(help: "Texts that both models are asked about.")
    var copyProbes = 1_000

    @Option(help: "A model is in doubt where its likeliest next token has less than this probability.")
    var copyDoubt = "0.6"

    @Option(help: "Minutes after which the contest begins without a verdict.")
    var copyMinutes: Int64 = 30

    func validate() throws {
        if gap == nil {
            throw ValidationError(
                "--copy-gap '\(copyGap)' is not valid: expected a number from 0.000001 to 10 with at most nine decimals"
            )
        }
        if doubt == nil {
            throw ValidationError(
                "--copy-doubt '\(copyDoubt)' is not valid: expected a number above 0, to 1, with at most nine decimals")
        }
        guard 1...10_000 ~= copyProbes else {
            throw ValidationError("--copy-probes '\(copyProbes)' is not valid: expected 1 to 10000")
        }
        guard 1...copyProbes ~= copyPositions else {
            throw ValidationError(
                "--copy-positions '\(copyPositions)' is not valid: expected 1 to --copy-probes, \(copyProbes)")
        }
        guard 1...10_080 ~= copyMinutes else {
            throw ValidationError("--copy-minutes '\(copyMinutes)' is not valid: expected 1 to 10080")
        }
    }

    private var gap: Double? { Self.number(copyGap, within: 1_000...10 * Score.unit) }
    private var doubt: Double? { Self.number(copyDoubt, within: 1...Score.unit) }

    private static func number(_ text: String, within range: ClosedRange<Int64>) -> Double? {
        guard let score = Score(decimal: text), range ~= score.nano else { return nil }
        return Double(score.nano) / Double(Score.unit)
    }

    /// Nil not to.
    var settings: CopyCheckSettings? {
        guard copyCheck, let gap, let doubt else { return nil }
        var settings = CopyCheckSettings()
        settings.gap = gap
        settings.doubt = doubt
        settings.positions = copyPositions
        settings.probes = copyProbes
        settings.deadline = .seconds(copyMinutes * 60)
        return settings
    }
}
