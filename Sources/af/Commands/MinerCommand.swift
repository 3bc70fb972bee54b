import ArgumentParser
import Coordinator
import Domain

struct MinerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "miner", abstract: "Miners and their queue.", subcommands: [Add.self, List.self, Show.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a commitment and put the miner into the queue.",
            discussion: "A hotkey has one lifetime: its second commitment is refused.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "SS58 address.")
        var hotkey: String
        @Argument(help: "owner/name@revision, the revision a commit of 40 hexadecimal digits.")
        var model: String
        @Option(help: "Block of the commitment: the queue is served in this order.")
        var block: Int64
        @Option(help: "The miner's uid on the subnet, if known.")
        var uid: Int32?

        func run() async throws {
            let (hotkey, model) = (try Hotkey(hotkey), try ModelReference(model))
            try await Backend.with(options) { backend in
                try await MinerIntake(database: backend.database).admit(
                    hotkey: hotkey, model: model, block: block, uid: uid, actor: "operator")
                let added = try await Reports(database: backend.database).miner(hotkey)
                for row in added { try Output.record(row, json: options.json) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every miner, the queue in its order first.")
        @OptionGroup var options: CommonOptions

        func run() async throws {
            try await Backend.with(options) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).miners(),
                    columns: ["queue_position", "hotkey", "model", "first_block", "state", "state_reason"],
                    json: options.json, empty: "no miner was admitted yet: 'af miner add' does it")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One miner.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "SS58 address.")
        var hotkey: String

        func run() async throws {
            let hotkey = try Hotkey(hotkey)
            try await Backend.with(options) { backend in
                guard let row = try await Reports(database: backend.database).miner(hotkey).first else {
                    throw CommandError("there is no miner \(hotkey): 'af miner list' shows those there are")
                }
                try Output.record(row, json: options.json)
            }
        }
    }
}
