import ArgumentParser
import Coordinator
import Domain
import Rules

struct ContestWhatifCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whatif", abstract: "Decide contests of the past under another rule, or without some results.",
        discussion: """
            Nothing is changed: each hypothesis gives a second verdict beside the stored one. Several --rule and several \
            values of --margin are all combined. Dropped tasks leave the slate on both sides. A contest that stopped early \
            can be undecided under another rule, since what was never run is unknown.

            af contest whatif --all --margin 0,0.01,0.02,0.03
            af contest whatif 12 --margin abd=0.05 --drop-worker w7
            """)
    @OptionGroup var list: ListOptions
    @OptionGroup var history: HistoryOptions

    @Option(
        name: .customLong("margin"),
        help: ArgumentHelp(
            "ENVIRONMENT=MARGIN, or margins for every environment, separated by commas; may be repeated.",
            valueName: "margin"))
    var margins: [MarginArgument] = []

    @Option(
        name: .customLong("rule"),
        help: ArgumentHelp("A file with a rule document; may be repeated.", valueName: "file"))
    var rules: [String] = []

    @Option(
        name: .customLong("drop-worker"),
        help: ArgumentHelp(
            "Leave out tasks with a result of this worker (name or id); may be repeated.", valueName: "worker"))
    var workers: [String] = []

    @Option(
        name: .customLong("drop-task"),
        help: ArgumentHelp("ENVIRONMENT:TASK to leave out; may be repeated.", valueName: "task"))
    var tasks: [TaskArgument] = []

    func run() async throws {
        let hypotheses = try hypotheses()
        try report(hypotheses, try await decide(hypotheses))
    }

    private func hypotheses() throws -> [NamedHypothesis] {
        guard workers.isEmpty || history.archive == nil else {
            throw CommandError(
                "--drop-worker needs the database: an exported contest does not say which worker ran what")
        }
        return try MarginArgument.hypotheses(
            margins, rules: try rules.map { try RuleDocument(parsing: InputFile.read($0)) })
    }

    private func report(_ hypotheses: [NamedHypothesis], _ outcomes: [[WhatifOutcome]]) throws {
        let variants = hypotheses.indices.map { index in
            WhatifVariant(hypotheses[index].name, outcomes.map { $0[index] })
        }
        let lines = [WhatifVariant.columns] + variants.map(\.line)
        switch list.format {
        case .json: try Output.json(variants)
        case .csv: print(CSV.text(lines), terminator: "")
        case .table:
            Output.table(lines)
            for variant in variants { variant.printChanges() }
        }
    }

    /// For each contest what becomes of it under each hypothesis.
    private func decide(_ hypotheses: [NamedHypothesis]) async throws -> [[WhatifOutcome]] {
        let listed = Dictionary(grouping: tasks, by: \.environment).mapValues { Set($0.map(\.task)) }
        if let file = history.archive {
            return try await ArchiveFile.read(file, history.scope).map { archive in
                WhatifOutcome.all(
                    archive.contest, archive.record, archive.stored, under: hypotheses, dropping: listed)
            }
        }
        return try await Backend.with(list.common) { backend in
            let history = ContestHistory(database: backend.database)
            let worked = try await history.tasks(of: workers)
            return try await history.map(self.history.scope, progress: ProgressLine.teller("contests")) { past in
                let dropped = listed.merging(worked[past.contest] ?? [:]) { $0.union($1) }
                return WhatifOutcome.all(past, under: hypotheses, dropping: dropped)
            }
        }
    }
}

/// `abd=0.05`, `0.05`, or `0,0.01,0.02`.
struct MarginArgument: ExpressibleByArgument {
    let environment: EnvironmentName?
    let values: [Score]

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard let last = parts.last else { return nil }
        let values = last.split(separator: ",", omittingEmptySubsequences: false).map { Score(decimal: $0) }
        guard values.allSatisfy({ $0 != nil }), parts.count == 1 || values.count == 1 else { return nil }
        environment = parts.count == 2 ? EnvironmentName(rawValue: String(parts[0])) : nil
        guard parts.count == 1 || environment != nil else { return nil }
        self.values = values.compactMap(\.self)
    }

    /// Every rule with every margin; margins of single environments hold in all of them.
    static func hypotheses(_ margins: [MarginArgument], rules: [RuleDocument]) throws -> [NamedHypothesis] {
        var single: [EnvironmentName: Score] = [:]
        for argument in margins {
            guard let environment = argument.environment else { continue }
            guard single.updateValue(argument.values[0], forKey: environment) == nil else {
                throw CommandError("--margin names \(environment) twice")
            }
        }
        let sweep = margins.filter { $0.environment == nil }.flatMap(\.values)
        let bases: [RuleDocument?] = rules.isEmpty ? [nil] : rules
        let everywhere: [Score?] = sweep.isEmpty ? [nil] : sweep
        return bases.flatMap { rule in
            everywhere.map { NamedHypothesis(hypothesis: Hypothesis(rule: rule, margin: $0, margins: single)) }
        }
    }
}

/// `abd:1234`.
struct TaskArgument: ExpressibleByArgument {
    let environment: EnvironmentName
    let task: TaskID

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let task = Int64(argument[argument.index(after: colon)...]),
            let environment = EnvironmentName(rawValue: String(argument[..<colon]))
        else { return nil }
        self.environment = environment
        self.task = TaskID(rawValue: task)
    }
}
