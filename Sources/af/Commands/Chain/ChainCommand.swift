import ArgumentParser
import Coordinator
import Rules

struct ChainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "What is known of the chain.",
        subcommands: [Observe.self, ChainReplayCommand.self])

    struct Observe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Record a block. The newest is the head; the hash of the block that opens a window seeds its tasks.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "The block's number.")
        var number: Int64
        @Argument(help: "Its hash: 64 hexadecimal digits.")
        var hash: String

        func run() async throws {
            guard number >= 0 else { throw ValidationError("block '\(number)' is not valid: expected 0 or more") }
            let block = Block(number: number, hash: try BlockHash(hash))
            try await Backend.with(options) {
                try await ChainBlocks(database: $0.database).observe(block, actor: "operator")
            }
            if options.json {
                try Output.json(["block": "\(number)", "hash": block.hash.description])
            } else {
                print("block \(number) is recorded")
            }
        }
    }
}
