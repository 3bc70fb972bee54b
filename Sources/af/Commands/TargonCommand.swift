import ArgumentParser
import Domain
import HTTPClient
import Worker

struct TargonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "targon", abstract: "The workloads that serve models for this arena on Targon.",
        subcommands: [List.self, Sweep.self])

    private static let columns = ["id", "name", "status", "resource", "cost_per_hour", "created", "model", "workers"]

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show each workload of the arena, with the live workers that are placed on it.")
        @OptionGroup var list: ListOptions
        @OptionGroup var account: TargonAccountOptions

        func run() async throws {
            try await withFleet(account, list.common) { fleet in try show(await fleet.entries(), as: list.format) }
        }
    }

    struct Sweep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete workloads of the arena that no live worker is placed on.",
            discussion: """
                Workers do this by themselves, at their start and every minute. It is for the time when none runs. What is
                deleted was nobody's at a first look and after the grace.
                """)
        @OptionGroup var list: ListOptions
        @OptionGroup var account: TargonAccountOptions

        @Flag(help: "Only show what is nobody's now.")
        var dryRun = false

        @Option(help: "Seconds between the two looks.")
        var grace: Int64 = 120

        func validate() throws {
            guard (0...86_400).contains(grace) else {
                throw ValidationError("--grace '\(grace)' is not valid: expected 0 to 86400")
            }
        }

        func run() async throws {
            try await withFleet(account, list.common) { fleet in
                let entries =
                    try await dryRun
                    ? fleet.entries().filter { $0.workers == 0 } : fleet.sweep(grace: .seconds(grace))
                try show(entries, as: list.format)
            }
        }
    }

    private static func show(_ entries: [TargonFleet.Entry], as format: ListFormat) throws {
        let rows = try entries.map { entry in JSONValue(json: Array(try entry.jsonText().utf8)) ?? .null }
        try Output.rows(rows, columns: columns, as: format, empty: "no workloads")
    }

    private static func withFleet(
        _ account: TargonAccountOptions, _ options: CommonOptions, _ body: (TargonFleet) async throws -> Void
    ) async throws {
        let account = try account.account()
        let http = HTTPClient()
        let result: Result<Void, any Error>
        do {
            try await Backend.with(options) { backend in
                try await body(TargonFleet(account: account, http: http, database: backend.database))
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await http.close()
        try result.get()
    }
}
