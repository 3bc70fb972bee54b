internal import Domain

/// A workload as Targon shows it.
package struct Workload: Hashable, Sendable {
    /// What a status means for us.
    package enum Stage: Hashable, Sendable {
        /// It exists, and costs nothing until it is deployed.
        case registered
        /// Targon looks for a machine, or does something that we have no word for.
        case provisioning
        /// The container is started, for the first time or again.
        case deploying
        case running
        case failed
        /// Somebody stopped it.
        case stopped
        /// It is being deleted.
        case ending
    }

    package let id: String
    package let name: String
    /// In lower case.
    package var status: String
    package var message: String
    /// Compared as text: who is older only has to be the same for all who ask.
    package let createdAt: String
    package let resource: String?
    /// In dollars.
    package let costPerHour: Double?
    /// Public addresses, by port.
    package var urls: [Int: String]

    package init(
        id: String, name: String, status: String, message: String = "", createdAt: String = "", resource: String? = nil,
        costPerHour: Double? = nil, urls: [Int: String] = [:]
    ) {
        self.id = id
        self.name = name
        self.status = status.lowercased()
        self.message = message
        self.createdAt = createdAt
        self.resource = resource
        self.costPerHour = costPerHour
        self.urls = urls
    }

    package var stage: Stage {
        switch status {
        case "registered", "created", "": .registered
        case "deploying", "rebuilding": .deploying
        case "running": .running
        case "failed", "error": .failed
        case "suspended", "suspending", "stopped", "terminated": .stopped
        case "deleting", "deleted": .ending
        default: .provisioning
        }
    }

    /// Where the engine that listens on a port is reached, with `/v1`.
    package func baseURL(port: Int) -> String {
        let url = urls[port] ?? "https://\(id)-\(port).caas.targon.com"
        let end = url.lastIndex { $0 != "/" } ?? url.startIndex
        let base = String(url[...end])
        return base.hasSuffix("/v1") ? base : base + "/v1"
    }
}

/// A workload to be created.
package struct WorkloadOrder: Hashable, Sendable {
    package var name: String
    package var image: String
    package var resource: String
    package var port: Int
    /// The first word is what is run.
    package var command: [String]

    package init(name: String, image: String, resource: String, port: Int, command: [String]) {
        self.name = name
        self.image = image
        self.resource = resource
        self.port = port
        self.command = command
    }

    var document: JSONValue {
        .object([
            "name": .string(name), "image": .string(image), "resource_name": .string(resource),
            "type": .string("RENTAL"),
            "ports": .array([
                .object([
                    "port": .integer(Int64(port)), "protocol": .string("TCP"), "routing": .string("PROXIED"),
                ])
            ]), "envs": .array([]), "commands": .array(command.prefix(1).map { .string($0) }),
            "args": .array(command.dropFirst().map { .string($0) }),
        ])
    }
}

extension Workload {
    /// Nil for what is no workload.
    init?(_ item: JSONValue) {
        guard let id = item["uid"]?.stringValue, !id.isEmpty, id.utf8.allSatisfy(TargonClient.isUnreserved) else {
            return nil
        }
        self.init(
            id: id, name: item["name"]?.stringValue ?? "", status: "",
            createdAt: item["created_at"]?.stringValue ?? "",
            resource: item["resource"]?["name"]?.stringValue ?? item["resource_name"]?.stringValue,
            costPerHour: item["cost_per_hour"]?.doubleValue)
        if let state = item["state"] { update(from: state) }
    }

    /// Takes over what a document of its state says.
    mutating func update(from state: JSONValue) {
        status = state["status"]?.stringValue?.lowercased() ?? status
        message = state["message"]?.stringValue ?? message
        for entry in state["urls"]?.arrayValue ?? [] {
            if let port = entry["port"]?.integerValue, let url = entry["url"]?.stringValue { urls[Int(port)] = url }
        }
    }
}
