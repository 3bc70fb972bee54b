import Coordinator
import Domain
import Rules
import Statistics

/// An explanation with what the job history adds to it.
struct ContestReport: Encodable {
    let explanation: ContestExplanation
    let tries: [SideTries]
    /// Of the pivotal tasks.
    let answers: [TaskAnswer]
    /// How many contests of the challenger were void before; nil where there is no history to ask.
    let voids: Int64?

    enum CodingKeys: String, CodingKey {
        case tries, answers
        case voids = "void_contests_before"
    }

    func encode(to encoder: any Encoder) throws {
        try explanation.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tries, forKey: .tries)
        try container.encode(answers, forKey: .answers)
        try container.encode(voids, forKey: .voids)
    }

    /// - Parameter lines: How many of what both sides said to show of each pivotal task.
    func printText(tasks: Int, lines: Int) {
        let record = explanation.record
        print(
            "contest \(explanation.contest) of window \(record.window): \(explanation.decision?.rawValue ?? "running")")
        print("  champion    \(record.champion.model)  \(record.champion.hotkey)")
        print("  challenger  \(record.challenger.model)  \(record.challenger.hotkey)")
        if record.challenger.hotkey.isBenchmark {
            print("  The challenger is a benchmark entrant: it takes no throne, whatever the rule says of its scores.")
        }
        for environment in explanation.environments { print("  \(environment.report.reason)") }
        print()
        Output.table([Self.columns] + explanation.environments.map(Self.line))
        if explanation.environments.contains(where: { $0.difference == nil }) {
            print("An environment that is not complete has no mean difference: what ran first is no random part of it.")
        }
        printPivotal(tasks, lines)
        printTries()
        print("\nrule \(record.rule.digest)\n\(record.rule.prose)")
    }

    private static let columns = [
        "environment", "decided", "champion", "challenger", "slack", "difference", "95 %", "wins:losses", "p",
        "flips with",
    ]

    private static func line(_ environment: EnvironmentExplanation) -> [String] {
        let report = environment.report
        return [
            report.environment.rawValue, "\(report.decided)/\(report.tasks)", text(environment.championMean),
            text(environment.challengerMean), text(environment.slack),
            environment.difference.map { text($0.mean) } ?? "-",
            environment.difference.map { text($0.clustered ?? $0.interval) } ?? "-",
            "\(environment.wins):\(environment.losses)", environment.winsP.map { text($0) } ?? "-",
            environment.fewestChanges.map { $0 == 1 ? "1 score" : "\($0) scores" } ?? "none",
        ]
    }

    private static func text(_ interval: MeanInterval) -> String { text(interval.lower...interval.upper) }

    private static func text(_ range: ClosedRange<Double>) -> String {
        range.lowerBound == range.upperBound
            ? text(range.lowerBound) : "\(text(range.lowerBound)) to \(text(range.upperBound))"
    }

    /// Four decimals, without trailing zeros.
    private static func text(_ value: Double) -> String {
        guard let score = Score(rounding: (value * 10_000).rounded() / 10_000) else { return "\(value)" }
        return score.description
    }

    private func printPivotal(_ most: Int, _ lines: Int) {
        guard explanation.decision != nil else { return }
        guard let pivotal = explanation.pivotal else {
            return print("\nNo change of the challenger's scores would be enough for another verdict.")
        }
        let count = pivotal.changes.count
        print(
            "\nwith \(count) other score\(count == 1 ? "" : "s") of the challenger the verdict would be \(pivotal.decision.rawValue):"
        )
        for change in pivotal.changes.prefix(most) {
            print("  \(change.environment) task \(change.task): \(change.score) would have to be \(change.changed)")
            let both = answers.filter { ($0.environment, $0.task) == (change.environment, change.task) }
            for answer in both {
                print("    \(Output.pad(answer.side, to: 10))  \(Self.words(for: answer))")
            }
            let pair = TranscriptPair(both)
            guard lines > 0, !pair.isEmpty else { continue }
            for line in ContestTranscriptCommand.beside(pair, most: lines) { print("    \(line)") }
        }
        if count > most { print("  and \(count - most) more (--tasks \(count))") }
    }

    private static func words(for answer: TaskAnswer) -> String {
        var words = [answer.score.map { "scored \($0)" } ?? answer.outcome.rawValue]
        if let code = answer.errorCode { words.append(code) }
        if answer.attempt > 1 { words.append("attempt \(answer.attempt)") }
        words.append("\(answer.durationMS) ms")
        if let tokens = answer.completionTokens { words.append("\(tokens) tokens") }
        if let worker = answer.worker { words.append("worker \(worker)") }
        let texts = [answer.errorDetail, answer.evidence].compactMap(\.self).filter { !$0.isEmpty }
        return words.joined(separator: ", ") + texts.map { "\n      " + $0.replacing("\n", with: "\n      ") }.joined()
    }

    private func printTries() {
        guard !tries.isEmpty else { return }
        print()
        Output.table(
            [
                [
                    "environment", "side", "tries", "retries", "model faults", "infra faults", "environment faults",
                    "ms a job", "workers",
                ]
            ]
                + tries.map { row in
                    [row.environment.rawValue, row.side]
                        + [row.tries, row.retries, row.modelFaults, row.infraFaults, row.environmentFaults].map(
                            String.init)
                        + [row.meanDurationMS.map(String.init) ?? "-", "\(row.workers)"]
                })
        if let voids, voids > 0 { print("\(voids) contest(s) of this challenger were void before.") }
    }
}
