import ArgumentParser
import Coordinator
import Domain

/// What an operator asks, with the reason that is recorded.
struct ReasonOption: ParsableArguments {
    @Option(help: "Why; it is recorded in the event log.")
    var reason: String
}

struct ArenaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "arena", abstract: "Pause and resume the arena.", subcommands: [Pause.self, Resume.self])

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin nothing new; what runs goes on to its end.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption

        func run() async throws {
            try await Backend.with(options) { try await ArenaControl(database: $0.database).pause(reason: why.reason) }
            if options.json { try Output.json(["paused": true]) } else { print("the arena is paused") }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Go on after a pause.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption

        func run() async throws {
            try await Backend.with(options) { try await ArenaControl(database: $0.database).resume(reason: why.reason) }
            if options.json { try Output.json(["paused": false]) } else { print("the arena goes on") }
        }
    }
}

struct WindowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "window", abstract: "Windows and their pools of tasks.",
        subcommands: [List.self, Verify.self, Rotate.self, Archive.self, Restore.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every window.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).windows(),
                    columns: ["window", "state", "opened_block", "opened_at", "closed_at", "archived_at", "contests"],
                    as: list.format, empty: "no window was opened yet")
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Draw a window's pools again from the hash of the block that opened it.",
            discussion: "Exits with 1 when a stored pool is another one. docs/window.md says how anybody can do it.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "The window's number.")
        var window: Int64

        func run() async throws {
            let check = try await Backend.with(options) { backend in
                try await WindowHistory(database: backend.database).verifyPools(of: WindowID(rawValue: window))
            }
            if options.json {
                try Output.json(Report(seed: check.seed, block: check.block, pools: check.pools))
            } else {
                print("seed \(check.seed), from block \(check.block)")
                for pool in check.pools {
                    let differs = pool.firstDifference.map { "another pool from place \($0) on" }
                    print("\(pool.environment): \(pool.tasks) tasks, \(differs ?? "as drawn")")
                }
            }
            guard check.pools.allSatisfy({ $0.firstDifference == nil }) else { throw ExitCode.failure }
        }

        private struct Report: Encodable {
            let seed: String
            let block: Int64
            let pools: [PoolCheck]
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Draw the pool anew as soon as no contest runs.")
        @OptionGroup var options: CommonOptions
        @OptionGroup var why: ReasonOption

        func run() async throws {
            try await Backend.with(options) { try await ArenaControl(database: $0.database).rotate(reason: why.reason) }
            if options.json {
                try Output.json(["rotation_asked": true])
            } else {
                print("the pool will be drawn anew as soon as no contest runs")
            }
        }
    }
}
