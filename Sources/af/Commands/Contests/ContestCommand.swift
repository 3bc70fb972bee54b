import ArgumentParser
import Coordinator
import Domain

struct ContestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contest", abstract: "Contests and their verdicts.",
        subcommands: [
            List.self, Show.self, ContestWatchCommand.self, ContestExplainCommand.self, ContestTranscriptCommand.self,
            ContestReplayCommand.self,
            ContestWhatifCommand.self, ContestExportCommand.self, ContestTraceCommand.self, Void.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every contest.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).contests(),
                    columns: ["contest", "window_id", "champion", "challenger", "state", "verdict", "decided_at"],
                    as: list.format, empty: "no contest was held yet")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One contest with its verdict and reasons.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "The contest's number.")
        var contest: Int64

        func run() async throws {
            try await Backend.with(options) { backend in
                let id = ContestID(rawValue: contest)
                guard let row = try await Reports(database: backend.database).contest(id).first else {
                    throw HistoryError.unknown(id)
                }
                try Output.record(row, json: options.json)
            }
        }
    }

    struct Void: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the running contest as void: its miner returns to its place in the queue.",
            discussion: "A contest whose verdict is certain already can't be ended otherwise.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption
        @Argument(help: "The contest's number.")
        var contest: Int64

        func run() async throws {
            let id = ContestID(rawValue: contest)
            try await Backend.with(options) { backend in
                let arena = Arena(database: backend.database, settings: ArenaSettings(), logger: options.logger)
                try await arena.voidContest(id, reason: why.reason)
                let rows = try await Reports(database: backend.database).contest(id)
                for row in rows { try Output.record(row, json: options.json) }
            }
        }
    }
}
