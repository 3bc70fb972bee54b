import ArgumentParser
import Coordinator
import Domain

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Download a registered miner's model, at the revision that it committed.",
        discussion: """
            Asks an arena's public API for the miner, and the hub (HF_ENDPOINT, HF_TOKEN) for the files; every file is compared \
            with the hub's hash of it. The folder is there once all of them are; until then they are in FOLDER.partial-…, and the \
            same command goes on where it was interrupted.
            """)
    @OptionGroup var arena: ArenaAddress
    @OptionGroup var hub: HubClientOptions
    @Flag(help: "Print JSON instead of text.")
    var json = false
    @Option(name: [.long, .customLong("model-path"), .customShort("p")], help: "A folder that does not exist yet.")
    var to = "./model_path"
    @Option(help: "The miner's SS58 address, in place of its uid.")
    var hotkey: String?
    @Argument(help: "The miner's uid.")
    var uid: Int32?

    func validate() throws {
        guard (uid == nil) != (hotkey == nil) else {
            throw ValidationError("which miner? Give a uid or --hotkey, and only one of them")
        }
    }

    func run() async throws {
        let path = try hotkey.map { "hotkey/\(try Hotkey($0))" } ?? "uid/\(uid ?? 0)"
        let transfers = try hub.transfers()
        let miner = try await arena.answer(to: "miners/\(path)")
        let model = try ModelReference(
            repository: miner["model"]?.stringValue ?? "", revision: miner["revision"]?.stringValue ?? "")
        let done = try await Interruption.ending {
            try await transfers.pull(model, to: to, progress: ProgressLine.teller("bytes of \(model.repository)"))
        }
        try Output.record(
            .object([
                "success": .bool(true), "model": .string(model.repository), "revision": .string(done.revision),
                "hotkey": miner["hotkey"] ?? .null, "folder": .string(to), "files": .integer(done.files),
                "bytes": .integer(done.bytes),
            ]), json: json)
    }
}
