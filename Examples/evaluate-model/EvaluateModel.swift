import Affine
import Foundation

/// Evaluates a model of yours on the first tasks of ABD and DED:
///
///     swift run evaluate-model my-model http://127.0.0.1:8000/v1 0.7 20
///
/// `AFFINE_API_KEY` is sent to the endpoint as a bearer token.
@main
struct EvaluateModel {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2, let temperature = Double(arguments.count > 2 ? arguments[2] : "0"),
            let count = Int64(arguments.count > 3 ? arguments[3] : "20"), count > 0
        else {
            print("usage: evaluate-model MODEL BASE_URL [TEMPERATURE [TASKS]]")
            exit(64)
        }
        let model = ServedModel(
            arguments[0], baseURL: arguments[1], temperature: temperature,
            apiKey: ProcessInfo.processInfo.environment["AFFINE_API_KEY"])
        let evaluator = Evaluator()
        do {
            for name in ["ABD", "DED"] {
                try await evaluate(model, in: TaskEnvironment(name), tasks: 0..<count, evaluator)
            }
        } catch {
            print("\(error)")
            exit(1)
        }
    }

    static func evaluate(
        _ model: ServedModel, in environment: TaskEnvironment, tasks: Range<Int64>, _ evaluator: Evaluator
    ) async throws {
        let summary = try await evaluator.evaluate(model, in: environment, tasks: tasks) { results in
            var summary = EvaluationSummary(bounds: environment.bounds)
            for await result in results {
                print("\(result.environment) \(result.task): \(result.score?.description ?? result.errorCode ?? "-")")
                summary.add(result)
            }
            return summary
        }
        print("\(environment.name): \(summary.scored) of \(summary.tasks) scored, mean \(summary.mean ?? .nan)")
        if let interval = summary.interval { print("  95 % interval: \(interval.lower) to \(interval.upper)") }
    }
}
