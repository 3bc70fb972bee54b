internal import Domain

/// What the engine says of itself.
package struct EngineVersion: Decodable, Sendable {
    package let version: String
    package let apiVersion: String

    private enum CodingKeys: String, CodingKey {
        case version = "Version"
        case apiVersion = "ApiVersion"
    }
}

/// An image that the engine holds.
struct EngineImage: Decodable, Sendable {
    /// `sha256:…`, of its configuration.
    let id: String
    /// `name@sha256:…`, of its manifests.
    let repoDigests: [String]?

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repoDigests = "RepoDigests"
    }

    /// Whether a digest names it: its manifest's, or its own.
    func isNamed(by digest: String) -> Bool {
        id == digest || repoDigests?.contains { $0.hasSuffix("@" + digest) } == true
    }
}

/// A container, one by one.
package struct InspectedContainer: Decodable, Sendable {
    package struct State: Decodable, Sendable {
        let isRunning: Bool
        let exitCode: Int
        let wasOutOfMemory: Bool?

        private enum CodingKeys: String, CodingKey {
            case isRunning = "Running"
            case exitCode = "ExitCode"
            case wasOutOfMemory = "OOMKilled"
        }
    }

    struct Network: Decodable, Sendable {
        struct Binding: Decodable, Sendable {
            let hostPort: String
            private enum CodingKeys: String, CodingKey { case hostPort = "HostPort" }
        }
        let ports: [String: [Binding]?]?
        private enum CodingKeys: String, CodingKey { case ports = "Ports" }
    }

    package let state: State
    let network: Network?

    private enum CodingKeys: String, CodingKey {
        case state = "State"
        case network = "NetworkSettings"
    }

    /// Where one of its ports is published.
    func publishedPort(of port: Int) -> Int? {
        network?.ports?["\(port)/tcp"]??.first.flatMap { Int($0.hostPort) }
    }
}

/// A container, as it is listed.
package struct ListedContainer: Decodable, Sendable {
    package let id: String
    package let state: String
    package let labels: [String: String]

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case state = "State"
        case labels = "Labels"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        state = try container.decode(String.self, forKey: .state)
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
    }

    package var isRunning: Bool { state == "running" }
}

/// What a container uses.
package struct ContainerStats: Decodable, Sendable {
    private struct Memory: Decodable, Sendable {
        let usage: Int64?
    }
    private let memory: Memory?

    private enum CodingKeys: String, CodingKey { case memory = "memory_stats" }

    /// Nil where the engine can't tell, as of a container that has ended.
    package var memoryBytes: Int64? { memory?.usage }
}

/// The identity of what was made.
struct CreatedContainer: Decodable {
    let id: String
    private enum CodingKeys: String, CodingKey { case id = "Id" }
}

/// What is said beside a status that is none of success.
struct EngineMessage: Decodable {
    let message: String
}

/// A line of the stream that a pull answers with.
struct PullProgress: Decodable {
    let error: String?
}
