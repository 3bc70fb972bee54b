package import Domain
internal import Environments

/// How one environment is to be called, as its window froze it or as a caller chose it.
package struct EnvironmentSettings: Sendable {
    package enum Place: Sendable, Equatable {
        /// In this process.
        case builtin
        /// A server that speaks the affinetes protocol.
        case url(String)
        /// A server of that protocol in a container of this process; elsewhere, because settings are copied often and it is large.
        indirect case container(ContainerSettings)
    }

    package var name: EnvironmentName
    package var place: Place
    /// A score outside of them is the environment's fault.
    package var bounds: ScoreBounds
    /// For one task.
    package var timeout: Duration
    package var temperature: Double
    /// Handed to `evaluate` as they are.
    package var parameters: [String: JSONValue]

    package init(
        name: EnvironmentName, place: Place, bounds: ScoreBounds, timeout: Duration = .seconds(600),
        temperature: Double = 0, parameters: [String: JSONValue] = [:]
    ) {
        self.name = name
        self.place = place
        self.bounds = bounds
        self.timeout = timeout
        self.temperature = temperature
        self.parameters = parameters
    }
}

/// A task, and the seed that goes with it: by default the one that every caller of the protocol derives.
package struct TaskCall: Sendable {
    package var task: TaskID
    package var seed: UInt32

    package init(_ task: TaskID, in environment: EnvironmentName, seed: UInt32? = nil) {
        self.task = task
        self.seed = seed ?? EvaluateRequest.seed(environment: environment, taskID: task)
    }
}
