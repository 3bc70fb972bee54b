import ArgumentParser
import Coordinator
import Postgres
import Rules

struct BenchReduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reduce",
        abstract: "Replay, what-if and the decision of one huge contest, beside COPY of the same rows.",
        discussion: """
            Writes a history of contests that were run to the end, replays all of it, copies the same rows out with \
            Postgres' own COPY, and decides the contests under 6 margins and 2 rules. Then a process of its own decides one \
            contest of --jobs jobs whose last result just came. Works in databases of its own as 'af bench queue' does. Exits \
            with 1 when a replayed contest does not match what was stored.
            """)

    @OptionGroup var options: CommonOptions
    @Option(help: "Contests in the history.")
    var contests = 1_000
    @Option(help: "Environments of each.")
    var environments = 4
    @Option(help: "Tasks of each environment.")
    var tasks = 300
    @Option(help: "Jobs of the one huge contest, in environments of 100000 tasks; 0 leaves it out.")
    var jobs = 1_000_000
    @Option(help: "How often each time is taken; the best is shown.")
    var rounds = 3
    @Flag(help: "Put the private cluster into memory.")
    var tmpfs = false

    func validate() throws {
        for (name, value, range) in [
            ("--contests", contests, 1...100_000), ("--environments", environments, 1...100),
            ("--tasks", tasks, 1...100_000), ("--jobs", jobs, 0...10_000_000), ("--rounds", rounds, 1...100),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) '\(value)' is not valid: expected \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let settings = BenchDatabase.Settings(inMemory: tmpfs, flushMilliseconds: 0)
        let load = ReduceLoad(contests: contests, environments: environments, tasks: tasks)
        var report = try await BenchDatabase.with(settings, options) { database in
            try await ReduceBenchmark(database: database, load: load, rounds: rounds).run()
        }
        if jobs > 0 {
            let count = (jobs + 99_999) / 100_000
            let huge = ReduceLoad(
                contests: 1, environments: count, tasks: (jobs + count - 1) / count, stopping: .full)
            report.decision = try await BenchDatabase.with(settings, options) { database in
                try await HugeContest(database: database, load: huge).run()
            }
        }
        if options.json { try Output.json(report) } else { report.printText() }
        guard report.matches else { throw ExitCode.failure }
    }
}

/// The process that decides the huge contest, so that its memory is the coordinator's alone.
struct BenchDecideCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide", abstract: "Decide the contest of a benchmark; 'af bench reduce' starts it.",
        shouldDisplay: false)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await Backend.with(options) { backend in
            let before = ProcessMemory.peakBytes
            let arena = Arena(database: backend.database, settings: ArenaSettings(), logger: options.logger)
            // The contest runs; its last result is missing.
            _ = try await arena.advance()
            try await backend.database.withSession { try $0.execute(ReduceLoad.lastJob) }
            let started = ContinuousClock.now
            _ = try await arena.advance()
            try Output.json(
                ReduceReport.Decision(
                    jobs: 0, seconds: (ContinuousClock.now - started) / .seconds(1), bytesBefore: before,
                    peakBytes: ProcessMemory.peakBytes))
        }
    }
}
