/// How an attempt at a job ended.
public enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
    /// The environment graded the model's answer.
    case scored
    /// The model's own failure: final, counts as the environment's lowest score.
    case modelFault = "model_fault"
    /// Nobody's failure (network, engine, worker): tried again within the job's budget.
    case infraFault = "infra_fault"
    /// The environment could not grade: tried again within the job's budget.
    case environmentFault = "environment_fault"
    /// Not run, or not counted, because its result was no longer needed.
    case cancelled
}
