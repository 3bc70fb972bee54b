import ArgumentParser
import FoundationEssentials
import Rules
import SystemPackage

struct RuleDecideCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide", abstract: "Decide the cases of a file, without a database.",
        discussion: """
            The file is JSON:

            {"cases": [{"id": 1, "min_dominant_envs": 0, "envs": [{"env": "abd", "margin": 0.03, "min_tasks_per_env": 1,
            "additive": false, "not_worse_tolerance": 0.02, "tasks": [[17, 0.5, 1], [23, 1, 1]]}]}]}

            A task is [task id, champion's score, challenger's score]. With min_dominant_envs 0 the challenger has to
            win every environment; with k > 0 at least k, and none may be worse: by more than not_worse_tolerance (a
            part of the champion's score) or, where additive is true, additive_margin (score per task).
            """)
    @OptionGroup var options: CommonOptions
    @Argument(help: "The file, or - for standard input.")
    var file: String

    func run() async throws {
        let decisions = try MarginRuleFile(parsing: try InputFile.read(file)).decide()
        if options.json { return try Output.json(decisions) }
        for decision in decisions {
            let envs = decision.envs.map { "\($0.env) \($0.verdict)" }.joined(separator: ", ")
            print("case \(Output.text(decision.id)): \(decision.winner) (\(envs))")
        }
    }
}
