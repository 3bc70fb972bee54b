import ArgumentParser

struct BenchFleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Thousands of simulated workers with faults, through a pooler, and a count of what they settled.",
        discussion: """
            Each worker has an id of its own, claims one run at a time, holds it, settles it and sends heartbeats; some crash,
            some fall silent for too long, some send a report twice. Works in a database of its own: on a private cluster
            behind a private PgBouncer, or where AFFINE_DATABASE_URL points (as a superuser; --pooled if that is a pooler).
            Exits with 1 when a job was not settled exactly once.
            """)

    @OptionGroup var options: CommonOptions
    @OptionGroup var behaviour: FleetOptions
    @Option(help: "Simulated workers.")
    var workers = 20_000
    @Option(help: "Processes that they live in.")
    var processes = 2
    @Option(help: "Jobs for each worker; their sum is rounded up to whole evaluations of 3,600.")
    var jobsPerWorker = 6
    @Option(help: "Jobs in a run, 1 to 1000, or auto: 25 s of work for jobs measured to take 1 s.")
    var runLength = RunLength.jobs(1)
    @Option(help: "Server sessions of the private pooler.")
    var poolSize = 64
    @Flag(help: "Put the private cluster into memory.")
    var tmpfs = false
    @Option(help: "Milliseconds that each flush of the private cluster waits for others to join it.")
    var flushMs = 0

    func validate() throws {
        for (name, value, most) in [
            ("--workers", workers, 200_000), ("--processes", processes, 64),
            ("--jobs-per-worker", jobsPerWorker, 10_000),
            ("--pool-size", poolSize, 150),
        ] where !(1...most).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 to \(most)")
        }
        try runLength.check()
        guard processes <= workers else {
            throw ValidationError("--processes '\(processes)' is not valid: expected at most the workers, \(workers)")
        }
        guard (0...100).contains(flushMs) else {
            throw ValidationError("--flush-ms '\(flushMs)' is not valid: expected 0 to 100")
        }
    }

    func run() async throws {
        let load = QueueLoad(jobs: workers * jobsPerWorker, runLength: runLength.jobs, history: 0)
        // A job whose worker crashed goes on until one settles it; here no job may end because tries are used up.
        let settings = BenchDatabase.Settings(
            inMemory: tmpfs, flushMilliseconds: flushMs,
            variant: "ALTER TABLE affine.environment ALTER COLUMN max_attempts SET DEFAULT 100", poolSize: poolSize)
        let report = try await BenchDatabase.with(settings, options) { database in
            let benchmark = FleetBenchmark(
                database: database, load: load, workers: workers, processes: processes, poolSize: poolSize,
                behaviour: behaviour)
            return try await benchmark.run()
        }
        if options.json { try Output.json(report) } else { report.print() }
        guard report.complete, report.exactly_once else { throw ExitCode.failure }
    }
}

/// Some of the simulated workers; reports to the process that started it.
struct BenchCrewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crew", abstract: "Simulate workers of a benchmark; 'af bench fleet' starts it.",
        shouldDisplay: false)

    @OptionGroup var options: CommonOptions
    @OptionGroup var behaviour: FleetOptions
    @Option(help: "The number of its first worker.")
    var first = 0
    @Option(help: "How many workers it simulates.")
    var workers = 1

    func run() async throws {
        guard let url = options.resolvedDatabaseURL else {
            throw ValidationError("bench crew needs AFFINE_DATABASE_URL")
        }
        let settings = Backend.settings(url, connections: behaviour.connections, pooled: options.pooled)
        let crew = FleetCrew(
            settings: settings, workers: first..<(first + workers), behaviour: behaviour, logger: options.logger)
        try Output.json(await crew.run())
    }
}
