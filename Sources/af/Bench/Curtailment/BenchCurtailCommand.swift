import ArgumentParser
import Domain

struct BenchCurtailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curtail",
        abstract: "How many of a challenger's jobs exact curtailment saves, simulated with the real rule.",
        discussion: """
            Scores are 0 or 1 with mean 1/2 and a margin of 0.03; two runs of one model on a task are correlated as given \
            (tasks' difficulties follow a beta distribution), and the challenger is better by the gain on average. Every \
            contest is also run to its end: verdict_changes counts the verdicts that differ, which must be none. Then random \
            small contests of every kind are decided after each result in random order. Exits with 1 on a difference.
            """)

    @OptionGroup var options: CommonOptions
    @Option(help: "Simulated contests in each row of the table.")
    var contests = 400
    @Option(help: "Random small contests whose early verdict is compared with that of the full run.")
    var random = 100_000
    @Option(help: "Tasks in each environment.")
    var tasks = 300
    @Option(help: "Seed of the simulation: the same seed gives the same table.")
    var seed: UInt64 = 1

    func validate() throws {
        for (name, value, range) in [
            ("--contests", contests, 0...1_000_000), ("--random", random, 0...100_000_000),
            ("--tasks", tasks, 1...100_000),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) '\(value)' is not valid: expected \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        var rows: [CurtailmentRow] = []
        for setting in contests == 0 ? [] : CurtailmentSetting.all(tasks: tasks) {
            rows.append(try await CurtailmentRow.simulate(setting, contests: contests, seed: seed))
        }
        let check = try await RandomContestCheck.run(contests: random, seed: seed)
        let report = CurtailmentReport(rows: rows, random: check)
        if options.json { try Output.json(report) } else { report.printText() }
        guard check.verdictChanges == 0, rows.allSatisfy({ $0.verdictChanges == 0 }) else { throw ExitCode.failure }
    }
}

struct CurtailmentReport: Encodable {
    let rows: [CurtailmentRow]
    let random: RandomContestCheck

    func printText() {
        if !rows.isEmpty {
            let columns = [
                "environments", "tasks", "correlation", "gain", "order", "jobs run", "saved", "won", "verdict changes",
            ]
            Output.table([columns] + rows.map(\.line))
        }
        print(
            "\(random.contests) random contests, decided after each result: \(random.verdictChanges) verdict changes, "
                + "\(random.decidedEarly) decided early")
    }
}
