import Containers
import Domain
import FoundationEssentials
import Glibc
import HTTPClient
import Logging
import Processes
import TestSupport
import Testing

let http = HTTPClient()
let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// Small, and quick to give up.
func container(image: String = Podman.image, idle: Int = 600, replicas: Int = 1) -> ContainerSettings {
    ContainerSettings(
        image: image, memoryBytes: 64 << 20, nanoCPUs: 1_000_000_000, pidsLimit: 32, isReadOnly: true,
        replicas: replicas, idleSeconds: idle, startSeconds: 60)
}

/// The containers of one environment on a real engine.
struct Yard: Sendable {
    let containers: ContainerEnvironments
    let engine: ContainerEngine
    let environment: EnvironmentName

    /// The ids of the environment's containers, whoever made them.
    func ids() async throws -> Set<String> {
        Set(try await engine.list(label: "affine.environment", environment.rawValue).map(\.id))
    }
}

/// Runs containers while `body` runs, and returns once they are gone.
func withContainers<Value: Sendable>(
    of name: String, time: Timekeeper = Timekeeper(.continuous), network: ContainerNetwork = .bridge,
    process: ProcessIdentity? = .current, secrets: [String: String] = [:], _ body: (Yard) async throws -> Value
) async throws -> Value {
    let address = try EngineAddress(await Podman.engine())
    let host = try ContainerHost(engine: address, network: network) { secrets[$0] }
    let containers = ContainerEnvironments(host: host, http: http, time: time, process: process, logger: quiet)
    let yard = Yard(
        containers: containers, engine: ContainerEngine(address, http: http), environment: try EnvironmentName(name))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await containers.run() }
        let value = try await body(yard)
        containers.finish()
        try await group.waitForAll()
        return value
    }
}

/// What the server in a container says of itself.
func ask(_ replica: Replica, act: String = "") async throws -> JSONValue {
    let body = #"{"method":"evaluate","args":[],"kwargs":{"act":"\#(act)"}}"#
    let answer = try await http.send(
        HTTPRequest(
            method: "POST", url: replica.url + "/call", headers: [("content-type", "application/json")],
            body: Array(body.utf8)))
    let document = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
    return try #require(document["result"]?["extra"])
}
