import ArgumentParser
import Coordinator
import Digest
import Domain
import Rules

struct RuleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rule", abstract: "The rule that contests are decided under.",
        subcommands: [RuleShowCommand.self, RuleOddsCommand.self, RuleDecideCommand.self])
}

/// Which rule a command is about.
struct RuleOptions: ParsableArguments {
    @Option(help: "The window whose rule it is; the newest if none is named.")
    var window: Int64?

    @Option(name: .customLong("rule"), help: "A rule document instead of a window's (- for standard input).")
    var file: String?

    func validate() throws {
        if window != nil, file != nil {
            throw ValidationError("--window and --rule can't be combined: a rule is read from one of them")
        }
    }

    /// The document of `--rule`.
    func document() throws -> RuleDocument? {
        try file.map { try RuleDocument(parsing: InputFile.read($0)) }
    }
}

struct RuleShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A rule in words, with its document and digest.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var rule: RuleOptions

    func run() async throws {
        if let document = try rule.document() { return try show(document, window: nil) }
        let (window, document) = try await Backend.with(options) { backend in
            try await WindowHistory(database: backend.database).rule(of: rule.window.map(WindowID.init(rawValue:)))
        }
        try show(document, window: window)
    }

    private func show(_ rule: RuleDocument, window: WindowID?) throws {
        if options.json { return try Output.json(Shown(rule, window: window)) }
        if let window { print("window \(window)") }
        print("rule \(rule.digest)\n\(rule.prose)\n\(rule.canonical)")
    }

    private struct Shown: Encodable {
        let window: WindowID?
        let digest: String
        let document: RuleDocument
        let prose: String

        init(_ rule: RuleDocument, window: WindowID?) {
            self.window = window
            digest = rule.digest.description
            document = rule
            prose = rule.prose
        }
    }
}
