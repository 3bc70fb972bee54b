import ArgumentParser

struct BenchPlacementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement",
        abstract: "How busy engines are kept that choose their models themselves, simulated with the real rule.",
        discussion: """
            Hosts load models, one at a time, and run jobs whose durations have a heavy tail. The makespan is held against a \
            lower bound: one load, and then all work on all lanes, or the longest job. Jobs are begun in the order in which \
            they are drawn, as by a client with a semaphore, or those first that took the champion longest, as contests do \
            among tasks of equal score. Nothing is measured on a real fleet.
            """)

    @OptionGroup var options: CommonOptions
    @Option(help: "Simulated hosts, each with one engine.")
    var hosts = 8
    @Option(help: "Jobs that an engine has under way at once.")
    var lanes = 32
    @Option(help: "Jobs, over all models.")
    var jobs = 20_000
    @Option(help: "Seconds of a job on average.")
    var jobSeconds = 20.0
    @Option(help: "Seconds that loading a model takes.")
    var loadSeconds = 120.0
    @Option(
        help:
            "How wrong the champion's durations are about a challenger's, as the standard deviation of their logarithm."
    )
    var noise = 0.5
    @Option(help: "Models with work at once; a row for 1 up to this many, doubling.")
    var models = 4
    @Option(help: "Seed of the simulation: the same seed gives the same table.")
    var seed: UInt64 = 1

    func validate() throws {
        for (name, value, range) in [
            ("--hosts", hosts, 1...10_000), ("--lanes", lanes, 1...10_000), ("--jobs", jobs, 1...10_000_000),
            ("--models", models, 1...1_000),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) '\(value)' is not valid: expected \(range.lowerBound) to \(range.upperBound)")
        }
        guard (0...10).contains(noise) else {
            throw ValidationError("--noise '\(noise)' is not valid: expected 0 to 10")
        }
        for (name, value) in [("--job-seconds", jobSeconds), ("--load-seconds", loadSeconds)]
        where !(0.001...86_400).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 0.001 to 86400")
        }
    }

    func run() async throws {
        var reports: [PlacementReport] = []
        var count = 1
        while count <= models {
            for order in PlacementSimulation.Order.allCases {
                reports.append(
                    try PlacementSimulation.run(
                        .init(
                            hosts: hosts, lanes: lanes, models: count, jobs: jobs, jobSeconds: jobSeconds,
                            loadSeconds: loadSeconds, order: order, noise: noise, seed: seed)))
            }
            count *= 2
        }
        if options.json { return try Output.json(reports) }
        Output.table([PlacementReport.columns] + reports.map(\.line))
    }
}
