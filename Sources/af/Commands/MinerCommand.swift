import ArgumentParser
import Coordinator
import Domain

struct MinerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "miner", abstract: "Miners and their queue.",
        subcommands: [Add.self, List.self, Show.self, Checks.self, Invalidate.self, Reinstate.self])

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
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).miners(),
                    columns: [
                        "queue_position", "hotkey", "benchmark", "model", "first_block", "state", "state_reason",
                    ],
                    as: list.format, empty: "no miner was admitted yet: 'af miner add' does it")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One miner.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "SS58 address, or the uid that it holds now.")
        var miner: String

        func run() async throws {
            let uid = Int32(miner)
            let hotkey = uid == nil ? try Hotkey(miner) : nil
            try await Backend.with(options) { backend in
                let reports = Reports(database: backend.database)
                var rows: [JSONValue] = []
                if let uid { rows = try await reports.miner(uid: uid) }
                if let hotkey { rows = try await reports.miner(hotkey) }
                guard let row = rows.first else {
                    throw CommandError("there is no miner \(miner): 'af miner list' shows those there are")
                }
                try Output.record(row, json: options.json)
            }
        }
    }

    struct Checks: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Models that were held against a champion's before their contests, the newest first.",
            discussion:
                "See '--copy-check' of 'af coordinator run'. 'af miner reinstate' takes back that a miner was ended.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).copyChecks(),
                    columns: [
                        "copy_check", "hotkey", "model", "champion_model", "state", "positions", "median_gap", "reason",
                    ],
                    as: list.format, empty: "no model was held against a champion's: '--copy-check' does it")
            }
        }
    }

    /// Does something to a miner, and shows it as it then is.
    private static func act(
        on hotkey: String, _ options: CommonOptions, _ body: (ArenaControl, Hotkey) async throws -> Void
    ) async throws {
        let hotkey = try Hotkey(hotkey)
        try await Backend.with(options) { backend in
            try await body(ArenaControl(database: backend.database), hotkey)
            let rows = try await Reports(database: backend.database).miner(hotkey)
            for row in rows { try Output.record(row, json: options.json) }
        }
    }

    struct Invalidate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a miner that waits in the queue.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption
        @Argument(help: "SS58 address.")
        var hotkey: String

        func run() async throws {
            try await MinerCommand.act(on: hotkey, options) { try await $0.invalidate($1, reason: why.reason) }
        }
    }

    struct Reinstate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back that a miner was ended.",
            discussion: "It returns to its place in the queue. One that has met the champion can't be reinstated.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption
        @Argument(help: "SS58 address.")
        var hotkey: String

        func run() async throws {
            try await MinerCommand.act(on: hotkey, options) { try await $0.reinstate($1, reason: why.reason) }
        }
    }
}
