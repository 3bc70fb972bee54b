import Affine
import ArgumentParser
import Domain

struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Evaluate a model of yours, or a registered miner's, in environments; no database.",
        discussion: """
            Tasks run as an arena's workers run them. AFFINE_API_KEY is sent to the model's endpoint as a bearer token, and \
            handed to environments' servers.

              af eval --env ded --model m --base-url http://host/v1 --tasks '0..<20'
              af eval --env DED-V2 --env ABD-V2 --uid 12 --base-url http://host/v1 \\
                --samples 50 --output uid12.csv
              af eval --env lgc=http://lgc:8000 --model m --base-url http://host/v1 \\
                --tasks 1,5,7 --json
              af eval --list

            Exit codes: 0 every task was scored, or failed by the model itself, which counts as the lowest score; 1 some \
            could not be evaluated, or it failed; 64 the command line is wrong.
            """)

    @OptionGroup var arena: ArenaAddress
    @Flag(help: "Print JSON, with every task's result, instead of a table.")
    var json = false
    @Flag(help: "List the environments that are built in, and end.")
    var list = false
    @Option(
        name: .customLong("env"),
        help: "abd or ded (also ABD, DED, ABD-V2, DED-V2), or NAME=URL of an environment's server. May be repeated.")
    var environments: [String] = []
    @Option(help: "The uid of the miner whose model is evaluated.")
    var uid: Int32?
    @Option(help: "The id by which the endpoint knows the model.")
    var model: String?
    @Option(help: "The endpoint that serves the model, OpenAI-compatible and with /v1.")
    var baseURL: String?
    @Option(help: "0 to 2.")
    var temperature = 0.0
    @Option(help: "Sent to the model with every task; without it, the seed that arenas send with the task.")
    var seed: UInt32?
    @Option(help: "Tasks by number: 0..<20, or 1,5,7.")
    var tasks: String?
    @Option(help: "Draw so many of --tasks at random; of 0..<1000000 without it.")
    var samples: Int?
    @Option(help: "Another number draws other tasks.")
    var drawSeed: UInt64 = 1
    @Option(help: "Tasks under way at once.")
    var concurrency = 8
    @Option(help: "Tries at a task before a fault that is not the model's is final.")
    var attempts = 3
    @Option(help: "Seconds for one task.")
    var timeout: Int64 = 600
    @Option(help: "0 to 9 for environments that are built in; handed to servers as it is.")
    var difficulty: Int?
    @Option(help: "key=value, handed to evaluate. May be repeated.")
    var parameter: [String] = []
    @Option(help: "Lowest score of an environment's server.")
    var lo = "0"
    @Option(help: "Highest score of an environment's server.")
    var hi = "1"
    @Option(name: .shortAndLong, help: "A file to write results to: .csv, .json or .jsonl.")
    var output: String?
    @Flag(help: "Overwrite that file.")
    var force = false

    func validate() throws {
        if list { return }
        guard !environments.isEmpty else {
            throw ValidationError("which environment? Give --env; --list shows those that are built in")
        }
        guard (uid == nil) != (model == nil) else {
            throw ValidationError("which model? Give --model or --uid, and only one of them")
        }
        guard baseURL != nil else { throw ValidationError("where is the model served? Give --base-url") }
        guard tasks != nil || samples != nil else {
            throw ValidationError("which tasks? Give --tasks 0..<20, or --samples 20")
        }
        for (name, value, most) in [
            ("--concurrency", Int64(concurrency), Int64(10_000)), ("--attempts", Int64(attempts), 100),
            ("--timeout", timeout, 86_400),
        ] where !(1...most).contains(value) {
            throw ValidationError("\(name) '\(value)' is not valid: expected 1 to \(most)")
        }
    }

    func run() async throws {
        if list { return try printEnvironments() }
        let run = try evaluationRun()
        let file = try output.map { try ResultFile($0, overwrites: force) }
        let report = try await Interruption.ending { try await run.report(to: file) }
        if json { try Output.json(report.document) } else { report.print() }
        guard report.isComplete else { throw ExitCode.failure }
    }

    private func evaluationRun() throws -> EvaluationRun {
        let selection = try TaskSelection(tasks: tasks, samples: samples, drawSeed: drawSeed)
        let parts = try environments.map { text in
            let environment = try environment(text)
            return EvaluationRun.Part(environment: environment, tasks: selection.tasks(in: environment))
        }
        return EvaluationRun(
            evaluator: Evaluator(concurrency: concurrency, retry: RetryPolicy(attempts: attempts)),
            subject: model.map { .model($0) } ?? .miner(uid ?? 0, arena: arena.api), baseURL: baseURL ?? "",
            temperature: temperature, seed: seed, apiKey: CommonOptions.apiKey, parts: parts)
    }

    private func environment(_ text: String) throws -> TaskEnvironment {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        var environment =
            parts.count == 2
            ? try TaskEnvironment(parts[0], server: parts[1], bounds: bounds())
            : try TaskEnvironment(text, difficulty: difficulty)
        environment.timeout = .seconds(timeout)
        if let difficulty { environment.parameters["difficulty"] = .integer(Int64(difficulty)) }
        for (key, value) in try parameter.map(EnvironmentParameter.read) { environment.parameters[key] = value }
        return environment
    }

    private func bounds() throws -> ScoreBounds {
        guard let lowest = Score(decimal: lo), let highest = Score(decimal: hi),
            let bounds = ScoreBounds(lo: lowest, hi: highest)
        else {
            throw InvalidValue(
                field: "score bounds", value: "\(lo) to \(hi)", expected: "two decimal numbers, --lo below --hi")
        }
        return bounds
    }

    private func printEnvironments() throws {
        let rows = EnvironmentFacts.builtin.map { facts in
            JSONValue.object([
                "name": .string(facts.name.rawValue), "title": .string(facts.title),
                "also": .array(facts.aliases.map(JSONValue.string)), "scores": .string(facts.bounds.description),
                "difficulties": .string("\(facts.difficulties.lowerBound) to \(facts.difficulties.upperBound)"),
            ])
        }
        try Output.rows(
            rows, columns: ["name", "also", "title", "scores", "difficulties"], as: json ? .json : .table, empty: "none"
        )
    }
}
