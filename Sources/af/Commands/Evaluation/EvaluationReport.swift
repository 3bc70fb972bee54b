import Affine
import Domain
import HTTPClient

/// What became of a model's tasks.
struct EvaluationReport: Sendable {
    struct Part: Sendable {
        let environment: EnvironmentName
        let summary: EvaluationSummary
        /// In the order in which the tasks were given.
        let results: [TaskResult]

        init(environment: TaskEnvironment, results: [TaskResult]) {
            self.environment = environment.name
            self.results = results
            summary = results.reduce(into: EvaluationSummary(bounds: environment.bounds)) { $0.add($1) }
        }

        var unevaluated: Int { summary.tasks - summary.counted }
    }

    let model: ServedModel
    let miner: ArenaMiner?
    let parts: [Part]

    /// Whether every task has a result that counts.
    var isComplete: Bool { parts.allSatisfy { $0.unevaluated == 0 } }
    var results: [TaskResult] { parts.flatMap(\.results) }

    var document: JSONValue {
        var members: [String: JSONValue] = [
            "model": .string(model.name), "temperature": .number(model.temperature),
            "base_url": .string((try? EndpointURL(model.baseURL))?.description ?? ""),
            "seed": model.seed.map { .integer(Int64($0)) } ?? .null,
            "environments": .array(parts.map(\.document)), "results": .array(results.map(\.document)),
        ]
        if let miner {
            members["uid"] = miner.uid.map { .integer(Int64($0)) } ?? .null
            members["hotkey"] = .string(miner.hotkey)
            members["revision"] = .string(miner.revision)
        }
        return .object(members)
    }

    func print() {
        Swift.print(miner.map { "\(model), revision \($0.revision), of \($0.hotkey)" } ?? "\(model)")
        let head = ["environment", "tasks", "scored", "model faults", "not evaluated", "mean", "95 % interval"]
        Output.table([head] + parts.map(\.line))
        for part in parts {
            for (code, count) in part.summary.faults.sorted(by: { $0.key < $1.key }) {
                let example = part.results.first { $0.errorCode == code }?.errorDetail ?? ""
                Swift.print(
                    "\(part.environment): \(code) on \(count) of \(part.summary.tasks) tasks, such as: \(example)")
            }
        }
    }
}

extension EvaluationReport.Part {
    fileprivate var line: [String] {
        [
            "\(environment)", "\(summary.tasks)", "\(summary.scored)", "\(summary.counted - summary.scored)",
            "\(unevaluated)", summary.mean.map(Self.rounded) ?? "-",
            summary.interval.map { "\(Self.rounded($0.lower)) to \(Self.rounded($0.upper))" } ?? "-",
        ]
    }

    fileprivate var document: JSONValue {
        .object([
            "environment": .string(environment.rawValue), "tasks": .integer(Int64(summary.tasks)),
            "scored": .integer(Int64(summary.scored)),
            "model_faults": .integer(Int64(summary.counted - summary.scored)),
            "not_evaluated": .integer(Int64(unevaluated)), "mean": summary.mean.map(JSONValue.number) ?? .null,
            "lower": summary.interval.map { .number($0.lower) } ?? .null,
            "upper": summary.interval.map { .number($0.upper) } ?? .null,
            "faults": .object(summary.faults.mapValues { .integer(Int64($0)) }),
        ])
    }

    private static func rounded(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000)" }
}

extension TaskResult {
    /// One result, as files and `--json` tell it.
    var document: JSONValue {
        .object([
            "environment": .string(environment.rawValue), "task": .integer(task.rawValue),
            "outcome": .string(outcome.rawValue),
            "score": score.map { .number(Double($0.nano) / Double(Score.unit)) } ?? .null,
            "attempts": .integer(Int64(attempts)), "seconds": .number(duration / .seconds(1)),
            "prompt_tokens": usage.map { .integer(Int64($0.promptTokens)) } ?? .null,
            "completion_tokens": usage.map { .integer(Int64($0.completionTokens)) } ?? .null,
            "error_code": errorCode.map(JSONValue.string) ?? .null,
            "error_detail": errorDetail.map(JSONValue.string) ?? .null, "conversation": conversation ?? .null,
        ])
    }
}
