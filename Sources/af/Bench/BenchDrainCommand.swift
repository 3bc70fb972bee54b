import ArgumentParser
import FoundationEssentials

/// One worker process of a benchmark; reports to the process that started it.
struct BenchDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Drain the queue of a benchmark; 'af bench queue' starts it.",
        shouldDisplay: false)

    @OptionGroup var options: CommonOptions
    @Option(help: "Connections, each claiming and settling in turn.")
    var connections = 2
    @Option(help: "Runs in one claim.")
    var runs: Int32 = 100
    @Flag(help: "One job at a time.")
    var lone = false

    func run() async throws {
        guard let url = options.resolvedDatabaseURL else {
            throw ValidationError("bench drain needs AFFINE_DATABASE_URL")
        }
        let drain = QueueDrain(url: url, connections: connections, runs: runs, isLone: lone, logger: options.logger)
        try Output.json(await drain.run())
    }
}
