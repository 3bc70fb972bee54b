import ArgumentParser
import Coordinator
import Domain
import Glibc

struct ContestWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow a contest until it is over.",
        discussion: """
            In a terminal the picture is drawn again in place. Elsewhere, and with --json, there is a line whenever something \
            changed.
            """)

    @OptionGroup var options: CommonOptions
    @Argument(help: "The contest's number; without it the one that runs, or else the next one.")
    var contest: Int64?
    @Option(help: "Seconds from one look to the next.")
    var interval = 1.0

    func validate() throws {
        guard (0.1...3_600).contains(interval) else {
            throw ValidationError("--interval '\(interval)' is not valid: expected 0.1 to 3600")
        }
    }

    func run() async throws {
        try await Backend.with(options) { backend in
            let reports = Reports(database: backend.database)
            var watched = contest.map(ContestID.init(rawValue:))
            var picture = ContestPicture(isJSON: options.json)
            while true {
                let row = try await reports.standing(of: watched).first
                if let row {
                    watched = row["contest"]?.integerValue.map(ContestID.init(rawValue:))
                    try picture.show(row)
                    if row["state"] != .string("running") { return }
                } else if let watched {
                    throw HistoryError.unknown(watched)
                } else {
                    picture.wait()
                }
                try await Task.sleep(for: .seconds(interval))
            }
        }
    }
}

/// A contest's standing, shown again whenever it changed.
struct ContestPicture {
    private let isJSON: Bool
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var shown: JSONValue?
    private var height = 0
    private var isWaiting = false

    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    /// Says once that there is nothing to see yet.
    mutating func wait() {
        if !isWaiting { StandardError.write("no contest runs: waiting for the next one\n") }
        isWaiting = true
    }

    mutating func show(_ row: JSONValue) throws {
        guard row != shown else { return }
        shown = row
        if isJSON { return try Output.json(row) }
        guard isTerminal else { return Output.line(Self.lines(row).joined(separator: "; ")) }
        let lines = Self.lines(row)
        // Up to where the last picture began, and cut at the margin: a line that is folded would be two.
        let again = height > 0 ? "\u{1B}[\(height)A\u{1B}[J" : ""
        Output.line("\u{1B}[?7l\(again)\(lines.joined(separator: "\n"))\u{1B}[?7h")
        height = lines.count
    }

    private static func lines(_ row: JSONValue) -> [String] {
        let environments = row["environments"]?.arrayValue ?? []
        let width = environments.map { Output.text($0["environment"]).count }.max() ?? 0
        let outcome = row["verdict"]?.stringValue.map { ", \($0)" } ?? ""
        let title = "contest \(Output.text(row["contest"])) \(Output.text(row["state"]))\(outcome)"
        return [title] + ["challenger", "champion"].map { "\(Output.pad($0, to: 10))  \(Output.text(row[$0]))" }
            + environments.map { environment in
                func text(_ key: String) -> String { Output.text(environment[key]) }
                let (lowest, highest) = (text("lowest"), text("highest"))
                return "\(Output.pad(text("environment"), to: width))  \(bar(environment)) "
                    + "\(text("decided")) of \(text("tasks")), \(lowest == highest ? lowest : "\(lowest) to \(highest)"), "
                    + "to beat \(text("to_beat")): \(text("standing"))"
            }
    }

    /// How much of an environment is done.
    private static func bar(_ environment: JSONValue) -> String {
        let (done, all) = (environment["decided"]?.integerValue ?? 0, environment["tasks"]?.integerValue ?? 0)
        let filled = all > 0 ? Int(20 * done / all) : 0
        return "[\(String(repeating: "#", count: filled))\(String(repeating: "·", count: 20 - filled))]"
    }
}
