import Affine
import Domain

/// A model and the tasks it is to be evaluated on.
struct EvaluationRun: Sendable {
    enum Subject: Sendable {
        case model(String)
        /// By uid, in the arena with this address.
        case miner(Int32, arena: String)
    }

    struct Part: Sendable {
        let environment: TaskEnvironment
        let tasks: [Int64]
    }

    let evaluator: Evaluator
    let subject: Subject
    let baseURL: String
    let temperature: Double
    let seed: UInt32?
    let apiKey: String?
    let parts: [Part]

    /// - Parameter file: Where the results are to be written as well. It appears whole or, when this fails, not at all.
    func report(to file: ResultFile?) async throws -> EvaluationReport {
        let (model, miner) = try await model()
        if parts.contains(where: \.environment.isBuiltin) { try await evaluator.checkSandbox() }
        try file?.begin()
        do {
            let report = EvaluationReport(model: model, miner: miner, parts: try await results(of: model))
            try file?.finish(report)
            return report
        } catch {
            file?.discard()
            throw error
        }
    }

    private func model() async throws -> (ServedModel, ArenaMiner?) {
        switch subject {
        case .model(let name):
            return (
                ServedModel(name, baseURL: baseURL, temperature: temperature, seed: seed, apiKey: apiKey), nil
            )
        case .miner(let uid, let arena):
            let miner: ArenaMiner
            do {
                miner = try await evaluator.miner(uid: uid, arena: arena)
            } catch {
                throw ArenaAddress.explained(error)
            }
            return (
                ServedModel(of: miner, baseURL: baseURL, temperature: temperature, seed: seed, apiKey: apiKey), miner
            )
        }
    }

    private func results(of model: ServedModel) async throws -> [EvaluationReport.Part] {
        let total = parts.reduce(0) { $0 + $1.tasks.count }
        let tell = ProgressLine.teller("tasks evaluated")
        var done = 0
        var all: [EvaluationReport.Part] = []
        for part in parts {
            let places = Dictionary(uniqueKeysWithValues: zip(part.tasks, part.tasks.indices))
            let results = try await evaluator.evaluate(model, in: part.environment, tasks: part.tasks) { results in
                var ended: [TaskResult] = []
                for await result in results {
                    ended.append(result)
                    done += 1
                    tell(done, total)
                }
                return ended
            }
            all.append(
                EvaluationReport.Part(
                    environment: part.environment,
                    results: results.sorted { (places[$0.task.rawValue] ?? 0) < (places[$1.task.rawValue] ?? 0) }))
        }
        return all
    }
}
