import ArgumentParser
import Coordinator
import Domain

struct RankCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rank", abstract: "The champion, the running contest and the queue.")
    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await Backend.with(options) { backend in
            for row in try await Reports(database: backend.database).rank() {
                try Output.record(row, json: options.json)
            }
        }
    }
}

struct WeightsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "weights", abstract: "The newest weight snapshot.")
    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await Backend.with(options) { backend in
            guard let row = try await Reports(database: backend.database).weights().first else {
                throw CommandError("there are no weights before the first champion: 'af miner list' shows the queue")
            }
            try Output.record(row, json: options.json)
        }
    }
}
