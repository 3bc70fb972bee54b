public import ArgumentParser
import Coordinator
import Domain
import Environments
import HTTPClient
import Postgres
import Rules

extension EnvironmentDefinition.Selection: ExpressibleByArgument {}

struct EnvironmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Environments: kinds of task with a scorer.",
        subcommands: [List.self, Show.self, Define.self, Add.self, Call.self, Serve.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What the next window will hold.")
        @OptionGroup var list: ListOptions

        func run() async throws {
            try await Backend.with(list.common) { backend in
                try Output.rows(
                    try await Reports(database: backend.database).environments(),
                    columns: [
                        "name", "kind", "margin", "sampling_count", "dataset_ranges", "timeout_ms", "container",
                        "parameters",
                    ],
                    as: list.format, empty: "no environment is defined: 'af env define' and 'af env add' do it")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One environment.")
        @OptionGroup var options: CommonOptions
        @Argument(help: "Its name.")
        var name: String

        func run() async throws {
            let name = try EnvironmentName(name)
            try await Backend.with(options) { backend in
                let all = try await Reports(database: backend.database).environments()
                guard let row = all.first(where: { $0["name"]?.stringValue == name.rawValue }) else {
                    let known = all.compactMap { $0["name"]?.stringValue }.joined(separator: ", ")
                    throw CommandError("there is no environment '\(name)'; defined: \(known.isEmpty ? "none" : known)")
                }
                try Output.record(row, json: options.json)
            }
        }
    }

    struct Define: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add an environment, or change it for the windows to come.",
            discussion: """
                Without --base-url the environment is one of those built in: abd, ded. 'af env add' reads definitions from a \
                file, and defines environments that are run in containers.
                """)
        @OptionGroup var options: CommonOptions
        @Argument(help: "Its name.")
        var name: String
        @Option(help: "How much better, per task on average, a challenger has to be.")
        var margin = "0.03"
        @Option(help: "Tasks on a slate.")
        var samplingCount: Int32 = 300
        @Option(help: "Task ids, half-open: 0..<1000. May be repeated.")
        var range: [String] = ["0..<1000000"]
        @Option(help: "Read the task ids from this URL from now on: JSON over HTTP, what was read last is kept.")
        var rangeSource: String?
        @Option(help: "Dotted field of that JSON: a number of tasks, or pairs of ids.")
        var rangeField = "count"
        @Option(help: "Lowest score.")
        var lo = "0"
        @Option(help: "Highest score.")
        var hi = "1"
        @Option(help: "Which ids are drawn from: random (all) or latest (the highest).")
        var selection = EnvironmentDefinition.Selection.random
        @Option(help: "Tries at a job before a fault that is nobody's is final.")
        var maxAttempts: Int16 = 3
        @Option(help: "Temperature the model is asked with: 0 to 2.")
        var temperature = 0.0
        @Option(help: "Seconds for one task.")
        var timeout: Int64 = 600
        @Option(
            help:
                "Consecutive jobs that are claimed as one: a number, or auto for 25 s of work as jobs are measured to take."
        )
        var runLength = RunLength.auto
        @Option(
            help: "Tasks with ids in the same span of so many are expected to succeed and fail together; 1: none are.")
        var clusterSpan: Int64 = 1
        @Option(
            help:
                "How far below the champion's sum a challenger may be without being worse, as a part of it (--min-dominant)."
        )
        var tolerance: String?
        @Option(help: "The same as a distance per task; without either it may not fall behind.")
        var additiveTolerance: String?
        @Option(help: "Score how few tokens the tasks of this environment take, instead of tasks of its own.")
        var derivedFrom: String?
        @Option(help: "With --derived-from: tokens of one task, prompts and answers, at and above which it scores 0.")
        var tokenBudget: Int64?
        @Option(help: "Base URL of a server that speaks the affinetes protocol.")
        var baseURL: String?
        @Option(help: "key=value, handed to evaluate. May be repeated.")
        var parameter: [String] = []

        func run() async throws {
            let definition = try definition()
            try definition.check()
            try await EnvironmentCommand.define([definition], options)
        }

        private func definition() throws -> EnvironmentDefinition {
            let name = try EnvironmentName(name)
            guard (derivedFrom == nil) == (tokenBudget == nil), derivedFrom == nil || baseURL == nil else {
                throw CommandError("--derived-from and --token-budget go together, and without --base-url")
            }
            let derived = try derivedFrom.map {
                TokenEfficiency(source: try EnvironmentName($0), tokenBudget: tokenBudget ?? 0)
            }
            if baseURL == nil, derived == nil {
                try EnvironmentCommand.checkBuiltin(name, "give the --base-url of its server")
            }
            if let baseURL, (try? EndpointURL(baseURL))?.hasQueryOrFragment != false {
                throw InvalidValue(
                    field: "environment \(name): base_url", value: EndpointURL.redacted(malformed: baseURL),
                    expected: "an http or https URL without query and fragment")
            }
            if let rangeSource, (try? EndpointURL(rangeSource)) == nil {
                throw InvalidValue(
                    field: "environment \(name): range_source", value: EndpointURL.redacted(malformed: rangeSource),
                    expected: "an http or https URL")
            }
            let (lo, hi) = (try score(lo, "lo"), try score(hi, "hi"))
            guard let bounds = ScoreBounds(lo: lo, hi: hi) else {
                throw InvalidValue(
                    field: "environment \(name): hi", value: "\(hi)", expected: "more than lo, which is \(lo)")
            }
            return EnvironmentDefinition(
                name: name, kind: derived != nil ? .derived : baseURL == nil ? .builtin : .url, baseURL: baseURL,
                bounds: bounds,
                margin: try score(margin, "margin"), samplingCount: samplingCount,
                datasetRanges: try range.map { try EnvironmentDefinition.range($0) }, selection: selection,
                timeout: .seconds(timeout),
                temperature: temperature, maximumAttempts: maxAttempts, runLength: runLength.jobs,
                clusterSpan: clusterSpan, tolerance: try toleranceAllowed(), derived: derived,
                rangeSource: rangeSource.map { .init(url: $0, field: rangeField) },
                parameters: try Dictionary(parameter.map { try EnvironmentParameter.read($0) }) { $1 })
        }

        private func toleranceAllowed() throws -> Tolerance? {
            guard tolerance == nil || additiveTolerance == nil else {
                throw CommandError("give one of --tolerance and --additive-tolerance, not both")
            }
            if let tolerance { return .multiplicative(try score(tolerance, "tolerance")) }
            return try additiveTolerance.map { .additive(try score($0, "additive_tolerance")) }
        }

        private func score(_ text: String, _ field: String) throws -> Score {
            guard let score = Score(decimal: text) else {
                throw InvalidValue(
                    field: "environment \(name): \(field)", value: text,
                    expected: "a decimal number with at most nine decimals")
            }
            return score
        }
    }
}
