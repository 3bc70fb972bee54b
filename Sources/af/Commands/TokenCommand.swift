public import ArgumentParser
public import Coordinator
import Domain

extension OperatorScope: ExpressibleByArgument {}

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens for the operators' API (--operator-port).",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it, this once.",
            discussion: """
                Only its digest is stored. What is done with it is in the event log as 'operator NAME'.

                af token create alice --scope arena --scope miners --reason 'on call in December'
                """)
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption
        @Option(help: "What it allows; may be repeated.")
        var scope: [OperatorScope]
        @Option(help: "Days until it expires.")
        var expiresDays = 30
        @Argument(help: "Its name, such as that of who holds it.")
        var name: String

        func run() async throws {
            try await Backend.with(options) { backend in
                let token = try await OperatorTokens(database: backend.database)
                    .create(name, scopes: Set(scope), days: expiresDays, reason: why.reason)
                if options.json { try Output.json(["name": name, "token": token]) } else { print(token) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every token there ever was, without its secret.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await OperatorTokens(database: backend.database).list(),
                    columns: ["name", "scopes", "state", "created_at", "expires_at", "revoked_reason"],
                    as: list.format, empty: "there is no token: 'af token create' makes one")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token worthless, at once and for good.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption
        @Argument(help: "Its name.")
        var name: String

        func run() async throws {
            try await Backend.with(options) { backend in
                try await OperatorTokens(database: backend.database).revoke(name, reason: why.reason)
                if options.json { try Output.json(["revoked": name]) } else { print("token '\(name)' is revoked") }
            }
        }
    }
}
