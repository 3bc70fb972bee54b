import Domain
import Testing

@Suite(.timeLimit(.minutes(10))) struct HelpTests {
    /// A command as the program itself describes it.
    private struct Command: Sendable {
        let path: [String]
        let description: JSONValue

        var all: [Command] {
            let below = description["subcommands"]?.arrayValue ?? []
            return [self]
                + below.flatMap { command in
                    Command(path: path + [command["commandName"]?.stringValue ?? "?"], description: command).all
                }
        }

        /// What a person can write, in the long form.
        var options: [JSONValue] {
            (description["arguments"]?.arrayValue ?? []).filter { $0["shouldDisplay"] == .bool(true) }
        }
    }

    @Test("Every command explains itself and names each of its options with what it is for")
    func everyCommand() async throws {
        let dumped = try await Program.run("--experimental-dump-help")
        let root = try #require(try dumped.document()["command"])
        let commands = Command(path: [], description: root).all.filter { $0.path.last != "help" }
        #expect(commands.count > 20)
        for command in commands {
            let name = command.path.joined(separator: " ")
            let help = try await Program.run(command.path + ["--help"])
            #expect(help.exitCode == 0, "\(name)")
            #expect(help.output.contains("OVERVIEW: "), "\(name) says nothing of itself")
            for option in command.options {
                let word = option["preferredName"]?["name"]?.stringValue ?? option["valueName"]?.stringValue ?? "?"
                #expect(help.output.contains(word), "\(name) does not name \(word)")
                #expect(option["abstract"]?.stringValue?.isEmpty == false, "\(name) does not explain \(word)")
            }
        }
    }
}
