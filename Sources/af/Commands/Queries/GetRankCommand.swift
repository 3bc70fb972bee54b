import ArgumentParser
import Domain

struct GetRankCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-rank",
        abstract: "The champion, the contest and the queue, as an arena's public API shows them.",
        discussion: """
            A cell is the average score in percent and the number of tasks. What a window that is still open hides is '-'.
            """)
    @OptionGroup var arena: ArenaAddress
    @Flag(help: "Print the API's answer as JSON.")
    var json = false
    @Flag(help: "Also say why a miner was ended.")
    var reason = false

    func run() async throws {
        let answer = try await arena.answer(to: "rank/current")
        if json { return try Output.json(answer) }
        let environments = answer["window"]?["enabled_envs"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let head = ["status", "uid", "hotkey", "model", "first_block"] + environments + (reason ? ["reason"] : [])
        let lines = Self.places(answer).map { status, miner in
            [status] + ["uid", "hotkey", "model", "first_block"].map { Output.text(miner[$0]) }
                + environments.map { Self.cell(miner["scores_by_env"]?[$0]) }
                + (reason ? [Output.text(miner["termination_reason"])] : [])
        }
        guard !lines.isEmpty else { return print("no miner has entered yet") }
        Output.table([head] + lines)
    }

    /// The champion, who is up against it, the queue, and who has met a champion.
    private static func places(_ answer: JSONValue) -> [(status: String, miner: JSONValue)] {
        let scores = answer["scores"]?["scores"]?.arrayValue ?? []
        let battling = answer["window"]?["battle"]?["challenger"].flatMap { $0["hotkey"] == nil ? nil : $0 }
        let queue = answer["queue"]?.arrayValue ?? []
        return scores.filter { status(of: $0) == "CHAMPION" }.map { ("CHAMPION", scored($0)) }
            + (battling.map { [("BATTLING", $0)] } ?? [])
            + queue.map { ("QUEUE #\(Output.text($0["position"]))", $0) }
            + scores.filter { status(of: $0) != "CHAMPION" }.map { (status(of: $0), scored($0)) }
    }

    private static func status(of miner: JSONValue) -> String {
        miner["challenge_status"]?.stringValue?.uppercased() ?? "-"
    }

    /// Scores name the hotkey in their own way.
    private static func scored(_ row: JSONValue) -> JSONValue {
        guard case .object(var members) = row else { return row }
        members["hotkey"] = members["miner_hotkey"]
        return .object(members)
    }

    private static func cell(_ score: JSONValue?) -> String {
        guard let average = score?["avg"]?.doubleValue else { return "-" }
        let hundredths = Int((average * 10_000).rounded())
        let cents = String(hundredths.magnitude % 100)
        return "\(hundredths < 0 ? "-" : "")\(hundredths.magnitude / 100).\(cents.count < 2 ? "0" : "")\(cents)/"
            + Output.text(score?["count"])
    }
}
