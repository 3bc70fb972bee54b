import ArgumentParser
import Coordinator
import Digest
import Domain
import Logging
import Rules

struct DemoCommand: AsyncParsableCommand {
    enum Models: String, ExpressibleByArgument, CaseIterable {
        /// Two language models, served by llama.cpp from PyPI packages.
        case real
        /// Two stand-ins of set skill, served by this process: no Python, no download.
        case scripted
    }

    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "One contest, whole: two models, a verdict, a reign, weights, and a replay.",
        discussion: """
            Starts a private Postgres cluster, crowns the first miner, samples its baseline, runs the challenger with
            worker processes over ABD and DED, decides, and replays the verdict from the job history. What it wrote stays:
            'af contest replay', 'af rank' and 'af weights' work on it afterwards. A folder with real history is left alone.
            """)

    @OptionGroup var options: CommonOptions
    @Option(help: "Which models take part: \(Models.allCases.map(\.rawValue).joined(separator: " or ")).")
    var models = Models.real
    @Option(help: "Fixes the hash of the opening block, so that two runs draw the same tasks; random unless given.")
    var seed: UInt64?
    @Option(help: "Tasks in each environment.")
    var tasks: Int32?
    @Option(help: "Worker processes.")
    var workers = 2
    @Flag(help: "End the contest as soon as its verdict can no longer change.")
    var curtail = false

    func validate() throws {
        guard (1...16).contains(workers) else {
            throw ValidationError("--workers '\(workers)' is not valid: expected 1 to 16")
        }
        if let tasks, !(1...1_000).contains(tasks) {
            throw ValidationError("--tasks '\(tasks)' is not valid: expected 1 to 1000")
        }
        guard options.resolvedDatabaseURL == nil else {
            throw ValidationError("the demo uses a private cluster only: unset AFFINE_DATABASE_URL")
        }
    }

    func run() async throws {
        let started = ContinuousClock.now
        let report = try await DemoRun(
            options: options, models: models, seed: seed ?? .random(in: 0...UInt64(UInt32.max)), tasks: tasks,
            workers: workers,
            curtail: curtail
        ).run(since: started)
        if options.json { try Output.json(report) } else { report.printText() }
        guard report.replay.match else { throw ExitCode.failure }
    }
}

/// The last line of `af demo --json`.
struct DemoReport: Encodable {
    struct Replayed: Encodable {
        var match: Bool
        var digest: String?
    }

    struct Jobs: Encodable {
        var planned: Int64
        var run: Int64
        var cancelled: Int64
    }

    var contest: ContestID
    var verdict: String
    /// The evidence digest.
    var digest: String
    var outcomeDigest: String
    var replay: Replayed
    var jobs: Jobs
    var seconds: Double
    var seed: UInt64
    var reasons: [String]
    var champion: String
    var difference: String?

    enum CodingKeys: String, CodingKey {
        case contest, verdict, digest, replay, jobs, seconds, seed, reasons, champion, difference
        case outcomeDigest = "outcome_digest"
    }

    func printText() {
        print("verdict of contest \(contest): \(verdict)")
        for reason in reasons { print("  \(reason)") }
        print("champion now, with all the weight: \(champion)")
        print("evidence digest \(digest)")
        print(
            replay.match
                ? "replayed from the job history: the same digest"
                : "REPLAY DIFFERS: \(difference ?? "")")
        print("\(jobs.run) jobs run, \(jobs.cancelled) cancelled, \(Int(seconds)) s (seed \(seed))")
    }
}
