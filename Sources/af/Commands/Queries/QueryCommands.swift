import ArgumentParser
import Domain

/// `get-miner`, `get-scores`, `get-score` and `get-weights`: an answer of the public API as it is.
struct GetMinerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-miner", abstract: "One miner, as an arena's public API shows it.")
    @OptionGroup var arena: ArenaAddress
    @Argument(help: "The miner's uid.")
    var miner: Int32?
    @Option(help: "The miner's uid.")
    var uid: Int32?
    @Option(help: "The miner's SS58 address.")
    var hotkey: String?

    func validate() throws {
        guard [miner != nil, uid != nil, hotkey != nil].count(where: \.self) == 1 else {
            throw ValidationError("which miner? Give a uid or --hotkey, and only one of them")
        }
    }

    func run() async throws {
        let path = try hotkey.map { "hotkey/\(try Hotkey($0))" } ?? "uid/\(miner ?? uid ?? 0)"
        try Output.json(try await arena.answer(to: "miners/\(path)"))
    }
}

struct GetScoresCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-scores", abstract: "Scores of those who met a champion, as an arena's public API shows them.")
    @OptionGroup var arena: ArenaAddress
    @Option(name: .shortAndLong, help: "How many, the champion first.")
    var top = 10

    func validate() throws {
        guard 1...256 ~= top else { throw ValidationError("--top '\(top)' is not valid: expected 1 to 256") }
    }

    func run() async throws { try Output.json(try await arena.answer(to: "scores/latest?top=\(top)")) }
}

struct GetScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-score", abstract: "One miner's scores, as an arena's public API shows them.")
    @OptionGroup var arena: ArenaAddress
    @Argument(help: "The miner's uid.")
    var uid: Int32

    func run() async throws { try Output.json(try await arena.answer(to: "scores/uid/\(uid)")) }
}

struct GetWeightsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-weights", abstract: "The newest weights, as validators fetch them.")
    @OptionGroup var arena: ArenaAddress

    func run() async throws { try Output.json(try await arena.answer(to: "scores/weights/latest")) }
}
