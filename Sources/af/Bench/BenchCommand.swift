import ArgumentParser
import Logging

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure what this machine and its Postgres carry.",
        subcommands: [
            BenchQueueCommand.self, BenchFleetCommand.self, BenchPlacementCommand.self, BenchCurtailCommand.self,
            BenchReduceCommand.self,
            BenchDrainCommand.self, BenchCrewCommand.self, BenchDecideCommand.self,
        ])
}

struct BenchQueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Drain no-op jobs with real worker processes, and count what is in the tables afterwards.",
        discussion: """
            Works in a database of its own, on the server that AFFINE_DATABASE_URL names (as a superuser) or on a private
            cluster in a temporary folder; both are removed afterwards. Exits with 1 when a job has no final attempt.
            """)

    @OptionGroup var options: CommonOptions
    @Option(help: "Jobs to drain, rounded up to whole evaluations of 3,600.")
    var jobs = 360_000
    @Option(help: "Worker processes.")
    var processes = 2
    @Option(help: "Connections of each worker process.")
    var connections = 2
    @Option(
        help: ArgumentHelp(
            "Jobs in a run, 1 to 1000, or auto: 25 s of work for jobs measured to take 1 s.",
            discussion: "Runs shrink to single jobs towards the end of an environment."))
    var runLength = RunLength.auto
    @Option(help: "Runs taken by one claim.")
    var runs: Int32 = 100
    @Flag(
        help: "Work as workers that do one job at a time: each connection reports a job and takes the next in one call."
    )
    var lone = false
    @Option(help: "Hold a snapshot from the start of the drain, for at most so many seconds.")
    var pinSnapshot: Int?
    @Option(help: "Attempts already in the history.")
    var history: Int64 = 0
    @Flag(help: "Put the private cluster into memory.")
    var tmpfs = false
    @Option(help: "Milliseconds that each flush of the private cluster waits for others to join it.")
    var flushMs = 0
    @Option(help: ArgumentHelp("A file of SQL to run after the migrations, to compare variants.", visibility: .hidden))
    var variant: String?

    func validate() throws {
        for (name, value, most) in [
            ("--jobs", jobs, 100_000_000), ("--processes", processes, 64), ("--connections", connections, 64),
            ("--runs", Int(runs), 10_000),
        ] where !(1...most).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 to \(most)")
        }
        try runLength.check()
        guard (0...100).contains(flushMs) else {
            throw ValidationError("--flush-ms '\(flushMs)' is not valid: expected 0 to 100")
        }
        guard (0...1_000_000_000).contains(history) else {
            throw ValidationError("--history '\(history)' is not valid: expected 0 to 1000000000")
        }
        guard (1...86_400).contains(pinSnapshot ?? 1) else {
            throw ValidationError("--pin-snapshot '\(pinSnapshot ?? 0)' is not valid: expected 1 to 86400")
        }
    }

    func run() async throws {
        let load = QueueLoad(jobs: jobs, runLength: runLength.jobs, history: history)
        let settings = BenchDatabase.Settings(
            inMemory: tmpfs, flushMilliseconds: flushMs, variant: try variant.map(InputFile.read))
        let report = try await BenchDatabase.with(settings, options) { database in
            let benchmark = QueueBenchmark(
                database: database, load: load, processes: processes, connections: connections, runs: lone ? 1 : runs,
                isLone: lone, pinSeconds: pinSnapshot)
            return try await benchmark.run()
        }
        if options.json { try Output.json(report) } else { report.print() }
        guard report.complete else { throw ExitCode.failure }
    }
}
