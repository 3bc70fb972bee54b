internal import Domain
internal import Inference
internal import Synchronization

extension TargonStandIn {
    private typealias Answer = (status: Int, document: JSONValue)

    func answer(_ request: LoopbackServer.Request) -> [LoopbackServer.Step] {
        let words = request.line.split(separator: " ")
        guard words.count == 3 else { return [.close] }
        let target = words[1].split(separator: "?", maxSplits: 1)
        let path = target[0].split(separator: "/").map(String.init)
        guard path.starts(with: ["tha", "v2", "workloads"]) else { return serve(path, request) }
        let query = target.count > 1 ? String(target[1]) : ""
        let rest = Array(path.dropFirst(3))
        let call: Call? =
            switch (words[0], rest.count) {
            case ("GET", 0): .list
            case ("POST", 0): .create
            case ("POST", 2) where rest[1] == "deploy": .deploy
            case ("GET", 2) where rest[1] == "state": .state
            case ("DELETE", 1): .delete
            default: nil
            }
        guard let call else { return [reply((405, error("method not allowed")))] }
        guard request.header("authorization") == "Bearer \(Self.key)" else {
            // Some services repeat what they were given.
            return [reply((401, error("invalid key \(request.header("authorization") ?? "")")))]
        }
        let root = root
        return state.withLock { state in
            let before = state.calls.count { $0 == call }
            state.calls.append(call)
            let fault = state.fault(call, before)
            if case .refuse(let status, let headers)? = fault {
                return [reply((status, error("not now")), headers: headers)]
            }
            let answer: Answer =
                switch call {
                case .list: list(query, &state, root)
                case .create: create(request.json, &state, root)
                case .deploy: deploy(rest[0], &state, root)
                case .state: look(rest[0], &state, root)
                case .delete: delete(rest[0], &state)
                }
            return switch fault {
            case .lose: [.close]
            case .hang: [.hold]
            default: [reply(answer)]
            }
        }
    }

    private func reply(_ answer: Answer, headers: [String] = []) -> LoopbackServer.Step {
        let text = (try? answer.document.jsonText()) ?? ""
        return .answer(answer.status, headers: headers, body: answer.status == 204 ? [] : Array(text.utf8))
    }

    private func error(_ words: String) -> JSONValue { .object(["error": .string(words)]) }

    private func missing(_ id: String) -> Answer { (404, error("workload \(id) not found")) }

    private func list(_ query: String, _ state: inout State, _ root: String) -> Answer {
        let values = Dictionary(
            query.split(separator: "&").map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            }
        ) { $1 }
        guard let limit = Int(values["limit"] ?? "50"), (1...200).contains(limit) else {
            return (400, error("limit must be 1 to 200"))
        }
        let start = values["cursor"].flatMap { Int($0.replacing("after%2F", with: "")) } ?? 0
        let page = state.workloads.dropFirst(start).prefix(min(limit, state.pageSize))
        let end = start + page.count
        let items = page.map { document($0, root) }
        return (
            200,
            .object([
                "items": .array(items),
                "next_cursor": end < state.workloads.count ? .string("after/\(end)") : .null,
            ])
        )
    }

    private func create(_ body: JSONValue?, _ state: inout State, _ root: String) -> Answer {
        guard let name = body?["name"]?.stringValue, let image = body?["image"]?.stringValue,
            let resource = body?["resource_name"]?.stringValue, body?["type"]?.stringValue == "RENTAL"
        else { return (400, error("name, image, resource_name and type are required")) }
        guard (1...32).contains(name.count), name.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x7A).contains($0) }) else {
            return (400, error("name must be 1 to 32 characters of a-z, 0-9 and '-'"))
        }
        guard resource == "h200-small" else { return (422, error("no resource '\(resource)'")) }
        let port = body?["ports"]?.arrayValue?.first
        guard port?["port"] == .integer(8_000), port?["protocol"]?.stringValue == "TCP",
            port?["routing"]?.stringValue == "PROXIED"
        else { return (400, error("ports must have port, protocol and routing")) }
        let words = ["commands", "args"].flatMap { body?[$0]?.arrayValue ?? [] }.compactMap(\.stringValue)
        let id = state.add(name: name, image: image, resource: resource, command: words, stages: ["registered"])
        let workload = state.workloads.last { $0.id == id }
        return (201, workload.map { document($0, root) } ?? .null)
    }

    private func deploy(_ id: String, _ state: inout State, _ root: String) -> Answer {
        guard let index = state.workloads.firstIndex(where: { $0.id == id }) else { return missing(id) }
        guard state.workloads[index].status == "registered" else { return (409, error("already deployed")) }
        state.deploys[id, default: 0] += 1
        state.workloads[index].stages = State.stages(of: state.workloads[index].model)
        return (200, document(state.workloads[index], root))
    }

    private func look(_ id: String, _ state: inout State, _ root: String) -> Answer {
        guard let index = state.workloads.firstIndex(where: { $0.id == id }) else { return missing(id) }
        var members: [String: JSONValue] = ["uid": .string(id)]
        if case .object(let now) = stateDocument(state.workloads[index], root) { members.merge(now) { $1 } }
        if state.workloads[index].stages.count > 1 { state.workloads[index].stages.removeFirst() }
        return (200, .object(members))
    }

    private func delete(_ id: String, _ state: inout State) -> Answer {
        guard state.workloads.contains(where: { $0.id == id }) else { return missing(id) }
        state.workloads.removeAll { $0.id == id }
        return (204, .null)
    }

    private func document(_ workload: Workload, _ root: String) -> JSONValue {
        .object([
            "uid": .string(workload.id), "name": .string(workload.name), "image": .string(workload.image),
            "type": .string("RENTAL"), "resource": .object(["name": .string(workload.resource)]),
            "state": stateDocument(workload, root), "cost_per_hour": .number(2.49),
            "created_at": .string("2026-01-01T00:00:\(workload.id.dropFirst(4))Z"),
        ])
    }

    private func stateDocument(_ workload: Workload, _ root: String) -> JSONValue {
        let url = JSONValue.object(["port": .integer(8_000), "url": .string("\(root)/\(workload.id)")])
        return .object([
            "status": .string(workload.status), "message": .string("says Targon"),
            "urls": .array(workload.status == "running" ? [url] : []),
        ])
    }

    /// What the engine in a workload answers at its public address.
    private func serve(_ path: [String], _ request: LoopbackServer.Request) -> [LoopbackServer.Step] {
        let running = state.withLock { state in
            state.workloads.first { $0.id == path.first && $0.status == "running" }
        }
        guard let running, running.model != "bad/never" else { return [reply((502, error("no upstream")))] }
        guard request.line.hasPrefix("POST ") else {
            let id = running.model == "bad/other" ? "some/other" : running.model
            return [reply((200, .object(["data": .array([.object(["id": .string(id)])])])))]
        }
        state.withLock { $0.served[running.id, default: 0] += 1 }
        return [.completion("I am \(running.model)")]
    }
}
