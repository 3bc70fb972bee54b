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
    static let configuration = CommandConfiguration(
        commandName: "weights", abstract: "The newest weight snapshot, and what is due, sent and final on the chain.")
    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await Backend.with(options) { backend in
            let reports = Reports(database: backend.database)
            guard case .object(var snapshot)? = try await reports.weights().first else {
                throw CommandError("there are no weights before the first champion: 'af miner list' shows the queue")
            }
            let emissions = try await reports.emissions()
            if options.json {
                snapshot["emissions"] = .array(emissions)
                return try Output.json(JSONValue.object(snapshot))
            }
            try Output.record(.object(snapshot), json: false)
            print()
            try Output.rows(
                Array(emissions.prefix(10)), columns: ["id", "block", "status", "tries", "weights", "detail"],
                as: .table, empty: "nothing was due on the chain yet")
        }
    }
}
