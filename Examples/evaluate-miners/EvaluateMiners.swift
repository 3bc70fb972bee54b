import Affine
import Foundation

/// Evaluates miners of a network, all at once, on tasks drawn from environments (by default DED and ABD):
///
///     API_URL=https://host/api/v1 swift run evaluate-miners 12=http://host-a:8000/v1 7=http://host-b:8000/v1 DED-V2 ABD-V2
///
/// The arena tells which model a uid has committed; where that model is served is for you to say.
@main
struct EvaluateMiners {
    static func main() async {
        let pairs = CommandLine.arguments.dropFirst().map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        let miners = pairs.filter { $0.count == 2 }.compactMap { pair in Int32(pair[0]).map { ($0, pair[1]) } }
        let names = pairs.filter { $0.count == 1 }.map { $0[0] }
        guard !miners.isEmpty, miners.count + names.count == pairs.count else {
            print("usage: evaluate-miners UID=BASE_URL… [ENVIRONMENT…]")
            exit(64)
        }
        do {
            let environments = try (names.isEmpty ? ["DED", "ABD"] : names).map { try TaskEnvironment($0) }
            let evaluator = Evaluator()
            try await withThrowingTaskGroup(of: String.self) { group in
                for (uid, baseURL) in miners {
                    group.addTask { try await line(for: uid, at: baseURL, environments, evaluator) }
                }
                for try await line in group { print(line) }
            }
        } catch {
            print("\(error)")
            exit(1)
        }
    }

    static func line(
        for uid: Int32, at baseURL: String, _ environments: [TaskEnvironment], _ evaluator: Evaluator
    ) async throws -> String {
        let surroundings = ProcessInfo.processInfo.environment
        let miner = try await evaluator.miner(uid: uid, arena: surroundings["API_URL"] ?? Evaluator.networkArena)
        let model = ServedModel(of: miner, baseURL: baseURL, apiKey: surroundings["AFFINE_API_KEY"])
        var line = "uid \(uid) (\(miner.model))"
        for environment in environments {
            let tasks = environment.draw(16, from: 0..<1_000_000)
            var summary = EvaluationSummary(bounds: environment.bounds)
            for result in try await evaluator.results(of: model, in: environment, tasks: tasks) { summary.add(result) }
            let mean = summary.mean.map { "\($0)" } ?? "-"
            line += "  \(environment.name): \(mean) (\(summary.counted) of \(summary.tasks) tasks)"
        }
        return line
    }
}
