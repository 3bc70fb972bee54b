import ArgumentParser

/// `af`: one command per capability.
@main
struct Affine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "af",
        abstract: "Finds out, beyond dispute, whether a new model beats the reigning one.",
        discussion: """
            Without AFFINE_DATABASE_URL (or --database-url), af uses a private Postgres cluster of its own in the folder
            that --data or AFFINE_DATA names, and starts it when it does not run.

            Exit codes: 0 done; 1 it failed, or a check found a difference; 64 the command line is wrong.
            """,
        version: "0.1.0",
        subcommands: [
            UpCommand.self, DemoCommand.self, DatabaseCommand.self, CoordinatorCommand.self, WorkerCommand.self,
            ChainCommand.self, MinerCommand.self, BenchmarkCommand.self, EnvironmentCommand.self, WindowCommand.self,
            ContestCommand.self, RuleCommand.self, ArenaCommand.self, TokenCommand.self, EvalCommand.self,
            TargonCommand.self,
            RankCommand.self, WeightsCommand.self, ErrorsCommand.self, CostsCommand.self, GetRankCommand.self,
            GetMinerCommand.self, GetScoresCommand.self,
            GetScoreCommand.self, GetWeightsCommand.self, PullCommand.self, CommitCommand.self, MinerDeployCommand.self,
            ValidatorCommand.self, AuditCommand.self, DoctorCommand.self, BenchCommand.self,
        ])
    static func main() async {
        OpenFiles.raiseLimit()
        await main(nil)
    }
}
