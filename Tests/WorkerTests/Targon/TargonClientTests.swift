import Domain
import HTTPClient
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(2))) struct TargonClientTests {
    private let targon = TargonStandIn()

    private func account(key: String = TargonStandIn.key, arena: String = "tests") throws -> TargonAccount {
        try TargonAccount(key: TargonKey(key), arena: arena, url: targon.url)
    }

    private func order(name: String = "affine-x") -> WorkloadOrder {
        WorkloadOrder(name: name, image: "i", resource: "h200-small", port: 8_000, command: ["python3", "-m", "x"])
    }

    private func with<Value: Sendable>(
        key: String = TargonStandIn.key, _ body: (TargonClient) async throws -> Value
    ) async throws -> Value {
        let http = HTTPClient()
        let value = try await body(TargonClient(account: account(key: key), http: http))
        await http.close()
        return value
    }

    @Test("a workload is created, deployed, looked at until it runs, and deleted; deleting twice is no error")
    func life() async throws {
        try await with { client in
            let made = try await client.create(order())
            #expect(made.stage == .registered && made.resource == "h200-small" && made.costPerHour == 2.49)
            try await client.deploy(made.id)
            var stages: [Workload.Stage] = []
            var last = made
            for _ in 0..<3 {
                last = try await client.state(of: made)
                stages.append(last.stage)
            }
            #expect(stages == [.provisioning, .deploying, .running])
            #expect(last.baseURL(port: 8_000).hasSuffix("/\(made.id)/v1"))
            #expect(made.baseURL(port: 8_000) == "https://\(made.id)-8000.caas.targon.com/v1")
            for _ in 0..<2 { try await client.delete(made.id) }
            let left = try await client.workloads()
            #expect(left.isEmpty)
        }
    }

    @Test("all pages of the list are read, and a list that breaks off in the middle is none")
    func pages() async throws {
        targon.setPageSize(3)
        for number in 1...8 { targon.add(name: "w\(number)") }
        try await with { client in
            let names = try await client.workloads().map(\.name)
            #expect(names == (1...8).map { "w\($0)" })
            targon.breakDown { call, before in call == .list && before == 4 ? .refuse(503) : nil }
            let error = await #expect(throws: TargonError.self) { try await client.workloads() }
            #expect(error?.code == .unavailable(status: 503))
        }
    }

    @Test(
        "refusals are told apart, and those that pass from those that do not",
        arguments: [
            (401, TargonError.Code.unauthorized, false), (403, .unauthorized, false), (402, .unpaid, false),
            (404, .missing, false), (409, .conflict, false), (422, .refused(status: 422), false),
            (429, .limited(retryAfter: .seconds(7)), true), (500, .unavailable(status: 500), true),
        ])
    func refusals(status: Int, code: TargonError.Code, passes: Bool) async throws {
        targon.breakDown { _, _ in .refuse(status, headers: ["retry-after: 7"]) }
        let error = try await with { client in
            await #expect(throws: TargonError.self) { try await client.create(order()) }
        }
        #expect(error?.code == code && error?.isRetryable == passes)
        #expect(error?.description.hasPrefix("POST workloads: status \(status): not now") == true)
    }

    @Test("what Targon refuses is told in its own words, and an answer that is not its is one")
    func refusedByTargon() async throws {
        try await with { client in
            let long = await #expect(throws: TargonError.self) {
                try await client.create(order(name: String(repeating: "a", count: 33)))
            }
            #expect(long?.code == .refused(status: 400) && long?.description.contains("1 to 32 characters") == true)
        }
        let other = LoopbackServer { _ in [.answer(body: Array("<html>".utf8))] }
        let http = HTTPClient()
        let client = TargonClient(
            account: try TargonAccount(key: TargonKey("k"), arena: "a", url: other.url), http: http)
        let error = await #expect(throws: TargonError.self) { try await client.workloads() }
        #expect(error?.code == .malformed && error?.isRetryable == false)
        await http.close()
    }

    @Test("the key is in no error, description or dump, even where Targon repeats it")
    func keyIsHidden() async throws {
        let wrong = "sk-wrong-9876543210"
        let error = try await with(key: wrong) { client in
            await #expect(throws: TargonError.self) { try await client.workloads() }
        }
        #expect(error?.code == .unauthorized && error?.description.contains("(hidden)") == true)
        var dumped = ""
        dump(try account(key: wrong), to: &dumped)
        for text in ["\(try #require(error))", dumped, "\(try account(key: wrong))", String(reflecting: error)] {
            #expect(!text.contains("9876543210"))
        }
        let invalid = #expect(throws: InvalidValue.self) { try TargonKey("sk 9876543210") }
        #expect(invalid?.description.contains("9876543210") == false)
    }

    @Test("a workload's name follows from arena, model, revision and resource, is told apart by each, and fits")
    func names() throws {
        let revision = String(repeating: "a", count: 40)
        let one = try account(), two = try account(arena: "others")
        let model = try ModelReference(repository: "owner/name", revision: revision)
        let other = try ModelReference(repository: "owner/name", revision: String(repeating: "b", count: 40))
        let names = [
            one.workloadName(for: model, on: "h200-small"), one.workloadName(for: other, on: "h200-small"),
            one.workloadName(for: model, on: "h200-large"), two.workloadName(for: model, on: "h200-small"),
        ]
        #expect(Set(names).count == 4 && names.allSatisfy { $0.count == 32 })
        #expect(names[0] == "affine-c02f189e-dbee39ff7715f798")
        #expect(names.map { $0.hasPrefix(one.prefix) } == [true, true, true, false])
    }

    @Test("the order to Targon runs the engine's command for the model at its revision, and trusts no code of it")
    func orders() throws {
        let settings = try TargonSettings(
            account: account(), resource: "h200-small", template: EngineTemplate("sglang"))
        let model = try ModelReference(repository: "owner/name", revision: String(repeating: "a", count: 40))
        let words = settings.order(for: model).command
        #expect(words.starts(with: ["python3", "-m", "sglang.launch_server", "--model-path", "owner/name"]))
        #expect(words.contains("0.0.0.0") && words.contains("8000") && words.contains(model.revision))
        #expect(!words.contains { $0.contains("trust") || $0.contains("{") })
        let error = #expect(throws: InvalidValue.self) {
            try TargonSettings(account: account(), resource: "h200-small", template: EngineTemplate("llama.cpp"))
        }
        #expect(error?.field == "Targon arguments")
    }
}
