import ArgumentParser
import Coordinator
import HTTPClient
import Logging

struct ValidatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validator", abstract: "Set an arena's weights with a wallet of your own.",
        subcommands: [Run.self], defaultSubcommand: Run.self, aliases: ["validate"])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set weights every 180 blocks until stopped.",
            discussion: """
                Needs an arena's public API and the bridge ('deploy/chain-bridge/install FOLDER'), no database. Weights that \
                are older than --maximum-age blocks are not set.
                """)
        @OptionGroup var logs: LogOptions
        @OptionGroup var arena: ArenaAddress

        @Option(help: "Folder of the bridge.")
        var bridge: String

        @Option(help: "finney, test, local, or a ws:// address.")
        var network = "finney"

        @Option(help: "The subnet.")
        var netuid = 120

        @Option(help: "Wallet whose hotkey signs.")
        var wallet: String

        @Option(help: "The wallet's hotkey.")
        var hotkey = "default"

        @Option(help: "Folder of wallets, if it is not the SDK's usual one.")
        var walletPath: String?

        @Option(help: "Blocks between two settings, whether or not anything changed.")
        var interval: Int64 = 180

        @Option(help: "Blocks by which the arena may be behind the chain.")
        var maximumAge: Int64 = 100

        func validate() throws {
            for (name, value) in [("--interval", interval), ("--maximum-age", maximumAge)] where value < 1 {
                throw ValidationError("\(name) '\(value)' is not valid: expected 1 or more")
            }
        }

        func run() async throws {
            let logger = logs.logger(at: .notice)
            var settings = ValidatorService.Settings(api: arena.api)
            settings.interval = interval
            settings.maximumAge = maximumAge
            let http = HTTPClient()
            let service = ValidatorService(
                settings: settings, http: http,
                bridge: ChainBridge(
                    folder: bridge, network: network, netuid: netuid,
                    wallet: .init(name: wallet, hotkey: hotkey, path: walletPath)), logger: logger)
            try await Services.run([service], logger: logger)
            await http.close()
        }
    }
}
