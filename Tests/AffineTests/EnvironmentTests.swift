import Affine
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct EnvironmentTests {
    @Test(
        "Environments that are built in are known by all their names, in any case",
        arguments: [
            ("abd", "abd"), ("ABD", "abd"), ("ABD-V2", "abd"), ("abd-v2", "abd"), ("ded", "ded"), ("DED", "ded"),
            ("DED-V2", "ded"), ("Ded-V2", "ded"),
        ])
    func names(text: String, name: String) throws {
        let environment = try TaskEnvironment(text)
        #expect(environment.name == (try EnvironmentName(name)) && environment.isBuiltin)
    }

    @Test("What is no environment is refused with what there is")
    func refusals() throws {
        let unknown = #expect(throws: InvalidValue.self) { try TaskEnvironment("chess") }
        #expect(
            unknown?.description
                == "environment 'chess' is not valid: expected abd, ABD-V2, ded, DED-V2, or a server's name and URL")
        let hard = #expect(throws: InvalidValue.self) { try TaskEnvironment("abd", difficulty: 10) }
        #expect(hard?.description == "difficulty '10' is not valid: expected 0 to 9")
        let server = #expect(throws: InvalidValue.self) {
            try TaskEnvironment("lgc", server: "http://user:secret@host/?key=secret")
        }
        #expect(server?.field == "environment's server" && server?.description.contains("secret") == false)
        #expect(throws: InvalidValue.self) { try TaskEnvironment("My Env", server: "http://host") }
    }

    @Test("The environments that are built in are listed with what is known of them")
    func facts() throws {
        let facts = EnvironmentFacts.builtin
        #expect(facts.map(\.name.rawValue) == ["abd", "ded"])
        #expect(facts.map(\.title) == ["program abduction", "program deduction"])
        #expect(facts.map(\.aliases) == [["ABD-V2"], ["DED-V2"]])
        #expect(facts.allSatisfy { $0.bounds == .zeroToOne && $0.difficulties == 0...9 })
    }

    @Test("Drawn tasks are distinct, lie in the range, and are the same wherever they are drawn")
    func draws() throws {
        let abd = try TaskEnvironment("abd")
        let drawn = abd.draw(5, from: 0..<1_000_000)
        #expect(drawn == [962, 373_949, 714_193, 858_871, 973_324])
        #expect(abd.draw(5, from: 0..<1_000_000, seed: 2) != drawn)
        #expect(try TaskEnvironment("ded").draw(5, from: 0..<1_000_000) != drawn)
        let many = abd.draw(900, from: 100..<1_100)
        #expect(many.count == 900 && Set(many).count == 900 && many == many.sorted())
        #expect(many.allSatisfy { 100..<1_100 ~= $0 })
        #expect(abd.draw(50, from: 7..<10) == [7, 8, 9] && abd.draw(0, from: 7..<10).isEmpty)
    }

    @Test("Each task of a range is drawn about as often as any other")
    func fairness() throws {
        let abd = try TaskEnvironment("abd")
        var counts = [Int](repeating: 0, count: 10)
        for seed in 0..<3_000 { for task in abd.draw(3, from: 0..<10, seed: UInt64(seed)) { counts[Int(task)] += 1 } }
        // 900 expected, with a standard deviation of 25.
        #expect(counts.allSatisfy { 775...1_025 ~= $0 }, "\(counts)")
    }

    @Test("A model is asked by the environments that are built in, and its answers are graded by running them")
    func builtin() async throws {
        let endpoint = try LoopbackServer.knowing(0..<2)
        let model = ServedModel("m", baseURL: endpoint.url + "/v1", temperature: 0.25, seed: 11, apiKey: "key-1")
        let evaluator = Evaluator()
        try await evaluator.checkSandbox()
        for name in ["ABD", "DED-V2"] {
            let results = try await evaluator.results(of: model, in: TaskEnvironment(name), tasks: 0..<4)
            #expect(results.map(\.outcome) == [.scored, .scored, .scored, .scored], "\(results)")
            #expect(results.map(\.score) == [.one, .one, .zero, .zero])
            #expect(results.allSatisfy { $0.usage?.promptTokens == 7 && $0.usage?.completionTokens == 5 })
            #expect(results.last?.conversation?.arrayValue?.last?["content"] == .string("I do not know."))
        }
        let requests = endpoint.log.requests
        #expect(requests.count == 8)
        for request in requests {
            #expect(request.line == "POST /v1/chat/completions HTTP/1.1")
            #expect(request.header("authorization") == "Bearer key-1")
            #expect(request.json?["seed"] == .integer(11) && request.json?["temperature"] == .number(0.25))
            #expect(request.json?["model"] == .string("m"))
        }
    }

    @Test("A summary counts a model's own faults as the lowest score, leaves out others', and knows its uncertainty")
    func summary() async throws {
        let late = #"{"status":"failed","result":{"error":"Method exceeded timeout of 20s"},"error":null}"#
        let server = LoopbackServer.environment { task in
            switch task {
            case 0, 2: [.score("1")]
            case 1: [.score("0")]
            case 3: [.answer(body: late.utf8)]
            default: [.answer(500)]
            }
        }
        let environment = try TaskEnvironment("remote", server: server.url)
        let evaluator = Evaluator(retry: RetryPolicy(attempts: 1))
        var summary = EvaluationSummary()
        #expect(summary.mean == nil && summary.interval == nil)
        for result in try await evaluator.results(of: unasked, in: environment, tasks: 0..<6) { summary.add(result) }
        #expect(summary.tasks == 6 && summary.scored == 3 && summary.counted == 4)
        #expect(summary.faults == ["generation_timeout": 1, "environment_status_500": 2])
        #expect(summary.mean == 0.5)
        // 0.5 ± t(3, 0.975) · √(1/3) / √4, with t = 3.182446.
        let interval = try #require(summary.interval)
        #expect(abs(interval.lower - (0.5 - 0.918_693)) < 1e-5 && abs(interval.upper - (0.5 + 0.918_693)) < 1e-5)
    }
}
