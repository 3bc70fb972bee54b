import ArgumentParser
import Coordinator
import Domain

/// Which window a report is of.
struct WindowChoice: ParsableArguments {
    @Option(name: .customLong("window"), help: "The window's number; without it the newest.")
    var number: Int64?

    var window: WindowID? { number.map(WindowID.init(rawValue:)) }
}

struct ErrorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors", abstract: "What went wrong in a window, how often, and what that points to.",
        discussion: """
            One task on many workers points to the task; many tasks on one worker of several to the worker; many of both to \
            what serves the model, or to the environment.
            """)
    @OptionGroup var list: ListOptions
    @OptionGroup var choice: WindowChoice

    func run() async throws {
        try await Backend.with(list.common) { backend in
            try Output.rows(
                try await Reports(database: backend.database).errors(in: choice.window),
                columns: [
                    "outcome", "error_code", "environment", "tries", "jobs", "tasks", "workers", "points_to",
                    "last_hour", "last_seen",
                ],
                as: list.format, empty: "nothing has failed in this window")
        }
    }
}

struct CostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "costs", abstract: "What evaluating cost in a window, by model or by worker.",
        discussion: """
            Money is in the unit of '--hourly-price' of the workers, and missing where they have none. An attempt costs the \
            share of its worker that it took: how long it took, divided by how many the worker runs at once. What workers \
            cost while they had less to do is only in --workers.
            """)
    @OptionGroup var list: ListOptions
    @OptionGroup var choice: WindowChoice

    @Flag(help: "By worker, with the time that it had no jobs.")
    var workers = false

    func run() async throws {
        try await Backend.with(list.common) { backend in
            let reports = Reports(database: backend.database)
            if workers {
                try Output.rows(
                    try await reports.workerCosts(in: choice.window),
                    columns: ["name", "lane", "hourly_price", "hours", "used_share", "money"],
                    as: list.format, empty: "no worker was there in this window")
            } else {
                try Output.rows(
                    try await reports.costs(in: choice.window),
                    columns: [
                        "contest", "side", "model", "scored", "retries_share", "completion_tokens", "worker_hours",
                        "money",
                        "jobs_saved", "money_saved",
                    ],
                    as: list.format, empty: "no attempt has ended in this window")
            }
        }
    }
}
