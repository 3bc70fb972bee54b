import ArgumentParser
import Coordinator
import Domain

struct BenchmarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Models of your own that meet the champion and are never paid.",
        subcommands: [Add.self, List.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a model into the queue as a benchmark entrant.",
            discussion: """
                It meets the champion once, like a miner, and takes neither throne nor weight: where the rule would have dethroned \
                the champion, the champion stays, and the contest says so in 'would_be'. The same model may be added again.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "What to call it.")
        var name: String
        @Argument(help: "owner/name@revision, the revision a commit of 40 hexadecimal digits.")
        var model: String
        @Option(help: "Its place in the queue, as a block; without it the newest block, behind everybody who waits.")
        var block: Int64?

        func run() async throws {
            let model = try ModelReference(model)
            try await Backend.with(options) { backend in
                let hotkey = try await BenchmarkIntake(database: backend.database)
                    .add(name: name, model: model, block: block, actor: "operator")
                let added = try await Reports(database: backend.database).miner(hotkey)
                for row in added { try Output.record(row, json: options.json) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Benchmark entrants, and what became of them.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).benchmarks(),
                    columns: ["benchmark", "model", "first_block", "state", "contest", "verdict", "would_be"],
                    as: list.format, empty: "there is no benchmark entrant yet: 'af benchmark add' makes one")
            }
        }
    }
}
