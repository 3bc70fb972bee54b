internal import Domain
internal import Synchronization

/// Stands in for Targon: its API, which refuses what the real one refuses, and the public addresses at which workloads serve.
///
/// A workload goes one stage further each time its state is asked for. Its engine serves the model that its arguments name; what
/// becomes of a model follows from its name: `bad/crash` fails once it is deployed, `bad/never` answers never, `bad/other` serves
/// another one, `bad/homeless` finds no machine, anything else is served.
public final class TargonStandIn: Sendable {
    public enum Call: String, Sendable { case list, create, deploy, state, delete }

    /// What happens to a call instead of being answered.
    public enum Fault: Sendable {
        /// Not done, and answered with this.
        case refuse(Int, headers: [String] = [])
        /// Done, and the connection closed without an answer.
        case lose
        /// Done, and never answered.
        case hang
    }

    public struct Workload: Sendable {
        public let id: String
        public let name: String
        public let image: String
        public let resource: String
        public let command: [String]
        public internal(set) var stages: [String]

        /// What its arguments name.
        public var model: String {
            command.firstIndex(of: "--model-path").map { command[$0 + 1] } ?? ""
        }
        public var status: String { stages.first ?? "" }
    }

    struct State: Sendable {
        var workloads: [Workload] = []
        var calls: [Call] = []
        var created = 0
        /// How often each workload was deployed.
        var deploys: [String: Int] = [:]
        var served: [String: Int] = [:]
        var fault: @Sendable (Call, Int) -> Fault? = { _, _ in nil }
        var pageSize = 200
    }

    public static let key = "sk-targon-0123456789"

    let state = Mutex(State())
    private let server = Mutex<LoopbackServer?>(nil)

    public init() {
        server.withLock { server in
            server = LoopbackServer { [weak self] request in self?.answer(request) ?? [.close] }
        }
    }

    /// Of the API.
    public var url: String { root + "/tha/v2" }
    var root: String { server.withLock { $0?.url ?? "" } }

    public var workloads: [Workload] { state.withLock(\.workloads) }
    public var calls: [Call] { state.withLock(\.calls) }
    /// How often workloads were created and deployed.
    public var created: Int { state.withLock(\.created) }
    public var deployed: Int { state.withLock { $0.deploys.values.reduce(0, +) } }
    /// Completions by workload.
    public var served: [String: Int] { state.withLock(\.served) }

    /// - Parameter fault: Given a call and how many of its kind there were before.
    public func breakDown(_ fault: @escaping @Sendable (Call, Int) -> Fault?) {
        state.withLock { $0.fault = fault }
    }

    public func repair() { breakDown { _, _ in nil } }

    public func setPageSize(_ size: Int) { state.withLock { $0.pageSize = size } }

    /// As if somebody else had done so.
    @discardableResult
    public func add(name: String, model: String = "models/one", stages: [String] = ["running"]) -> String {
        state.withLock { state in
            state.add(
                name: name, image: "image", resource: "h200-small", command: ["python3", "--model-path", model],
                stages: stages)
        }
    }

    public func remove(_ id: String) { state.withLock { $0.workloads.removeAll { $0.id == id } } }

    /// Lets a workload go through these stages from now on.
    public func change(_ id: String, to stages: String...) {
        state.withLock { state in
            guard let index = state.workloads.firstIndex(where: { $0.id == id }) else { return }
            state.workloads[index].stages = stages
        }
    }
}

extension TargonStandIn.State {
    mutating func add(name: String, image: String, resource: String, command: [String], stages: [String]) -> String {
        created += 1
        let id = "wrk-\(created)"
        workloads.append(
            TargonStandIn.Workload(
                id: id, name: name, image: image, resource: resource, command: command, stages: stages))
        return id
    }

    /// What a workload goes through once it is deployed.
    static func stages(of model: String) -> [String] {
        switch model {
        // Several look at a workload, and none sees every stage that is shown once.
        case "bad/crash": ["provisioning"] + Array(repeating: "deploying", count: 6) + ["error"]
        case "bad/homeless": ["provisioning", "failed"]
        default: ["provisioning", "DEPLOYING", "running"]
        }
    }
}
