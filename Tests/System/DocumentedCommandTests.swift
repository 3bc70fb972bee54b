import Domain
import Foundation
import Testing

@Suite(.timeLimit(.minutes(10))) struct DocumentedCommandTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

    /// A command line that a document shows.
    private struct Shown: Sendable {
        let file: String
        let line: String

        var words: [String] { line.split(separator: " ").map(String.init) }
    }

    private static func documents(_ folder: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())
        return names.filter { $0.hasSuffix(".md") }.sorted().map { "\(folder)/\($0)" }
    }

    /// What begins with `af` in code spans, and on lines of blocks, also after variables; `…` and what follows `#` are for people.
    private static func commands(in file: String) throws -> [Shown] {
        let text = try String(contentsOf: root.appending(path: file), encoding: .utf8).replacing(/\\\n\s*/, with: " ")
        let blocks = text.matches(of: /```sh\n(.*?)```/.dotMatchesNewlines()).flatMap {
            $0.1.split(separator: "\n").map(String.init)
        }
        let spans = text.replacing(/```.*?```/.dotMatchesNewlines(), with: "").matches(of: /`([^`]+)`/)
            .map { String($0.1).replacing("\n", with: " ") }
        return (blocks + spans).compactMap { line in
            let plain = line.split(separator: " #", maxSplits: 1, omittingEmptySubsequences: false)[0]
            guard let start = plain.firstMatch(of: #/^(?:[A-Z_]+=\S+ +)*(?:\.build/release/)?af /#) else { return nil }
            return Shown(file: file, line: String(plain[start.range.upperBound...]))
        }
    }

    /// A complaint; nil when the program has the command and each of its options.
    private static func complaint(about shown: Shown, root: JSONValue) -> String? {
        var command = root
        var words = shown.words[...]
        while let word = words.first, !word.hasPrefix("-"), let below = command["subcommands"]?.arrayValue,
            !below.isEmpty
        {
            // `pause|resume` stands for both.
            let wanted = word.split(separator: "|").map(String.init)
            let found = wanted.map { name in below.first { $0["commandName"]?.stringValue == name } }
            guard let first = found.first, let next = first, found.allSatisfy({ $0 != nil }) else {
                // A command of its own with commands below it may be named with its arguments, and any with `…`.
                return word == "…"
                    || command["arguments"]?.arrayValue?.contains { $0["kind"]?.stringValue == "positional" } == true
                    ? nil : "there is no '\(word)'"
            }
            command = next
            words = words.dropFirst()
        }
        let names = (command["arguments"]?.arrayValue ?? []).flatMap { $0["names"]?.arrayValue ?? [] }
            .compactMap { $0["name"]?.stringValue }
        for word in words where word.hasPrefix("--") && word != "--help" && word != "--version" {
            let name = word.dropFirst(2).prefix { $0.isLetter || $0.isNumber || $0 == "-" }
            guard names.contains(String(name)) else { return "it takes no --\(name)" }
        }
        return nil
    }

    @Test("every command that a runbook or a document shows is there, with the options it is shown with")
    func commands() async throws {
        let dumped = try await Program.run("--experimental-dump-help")
        let program = try #require(try dumped.document()["command"])
        let files = try ["README.md"] + Self.documents("docs") + Self.documents("docs/runbooks")
        let shown = try files.flatMap { try Self.commands(in: $0) }
        #expect(shown.count > 100)
        for one in shown {
            let complaint = Self.complaint(about: one, root: program)
            #expect(complaint == nil, "\(one.file): af \(one.line)")
        }
    }

    @Test(
        "a command or an option that there is not is found",
        arguments: ["contests list", "contest list --no-such", "arena pause|unpause"])
    func unknown(line: String) async throws {
        let dumped = try await Program.run("--experimental-dump-help")
        let program = try #require(try dumped.document()["command"])
        #expect(Self.complaint(about: Shown(file: "", line: line), root: program) != nil)
    }
}
