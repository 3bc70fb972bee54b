import Domain
import Foundation
import TestSupport
import Testing
import Worker

/// Workers that have their models served by a stand-in of Targon.
@Suite(.arena, .timeLimit(.minutes(10))) struct TargonLaneTests {
    let board = Board()
    let targon = TargonStandIn()

    private func setup(
        key: String = TargonStandIn.key, idle: Duration = .seconds(60), grace: Duration = .seconds(60),
        loadTimeout: Duration = .seconds(30), concurrency: Int = 2
    ) throws -> Setup {
        var setup = try settings(concurrency: concurrency)
        var settings = try TargonSettings(
            account: TargonAccount(key: TargonKey(key), arena: "tests", url: targon.url), resource: "h200-small",
            template: EngineTemplate("sglang"))
        settings.idle = idle
        settings.grace = grace
        settings.loadTimeout = loadTimeout
        settings.pace = .milliseconds(50)
        settings.sweepInterval = .milliseconds(100)
        setup.settings.targon = settings
        return setup
    }

    private func name(_ model: String) throws -> String {
        let settings = try #require(try setup().settings.targon)
        return settings.order(for: try ModelReference(repository: model, revision: Board.revision)).name
    }

    private func loads() async throws -> [String] {
        let words = "string_agg(model || ' ' || is_served, '; ' ORDER BY id)"
        return try await board.text("SELECT COALESCE(\(words), '') FROM affine.model_load").components(
            separatedBy: "; ")
    }

    @Test("Targon serves one model after the other, each is credited with its own results, and nothing is left rented")
    func twoModels() async throws {
        try await board.plan(model: "models/one", tasks: 1...3)
        try await board.plan(model: "models/two", tasks: 1...3)
        try await withWorker(setup()) { _ in
            try await board.untilFinished(6)
            try await eventually("the first is given up") { targon.workloads.map(\.model) == ["models/two"] }
        }
        #expect(targon.workloads.isEmpty && targon.created == 2 && targon.deployed == 2)
        #expect(try await loads() == ["models/one true", "models/two true"])
        let credited = """
            SELECT string_agg(DISTINCT e.model || ' ' || d.model || ' ' || d.lane, '; ') FROM affine.attempt a
            JOIN affine.deployment d ON d.id = a.deployment JOIN affine.evaluation e ON e.id = a.evaluation
            """
        #expect(try await board.text(credited) == "models/one models/one targon; models/two models/two targon")
        #expect(try await board.text("SELECT DISTINCT host FROM affine.model_load") == "targon:tests:h200-small")
    }

    @Test(
        "a model that crashes, answers never or is another one is deleted and recorded with its reason, and others are served",
        arguments: [
            ("bad/crash", "the workload is error: says Targon"), ("bad/other", "serves some/other instead"),
            ("bad/never", "was not served within 5.0 seconds"),
        ])
    func badModels(model: String, reason: String) async throws {
        try await board.plan(model: model, tasks: 1...1)
        try await board.plan(model: "models/good", tasks: 1...2)
        let limit = Duration.seconds(model == "bad/never" ? 5 : 30)
        try await withWorker(setup(loadTimeout: limit)) { _ in try await board.untilFinished(2) }
        #expect(try await loads() == ["\(model) false", "models/good true"])
        #expect(try await board.text("SELECT detail FROM affine.model_load WHERE NOT is_served").contains(reason))
        #expect(targon.workloads.isEmpty)
    }

    @Test("where Targon finds no machine the model has not failed: it is given back, and its workload goes")
    func homeless() async throws {
        try await board.plan(model: "bad/homeless", tasks: 1...1)
        try await withWorker(setup()) { _ in
            try await eventually("it was tried twice") { targon.deployed == 2 }
        }
        #expect(try await board.count("SELECT count(*) FROM affine.model_load") == 0)
        #expect(targon.workloads.isEmpty)
    }

    @Test(
        "a workload that bears the name is adopted rather than another one created",
        arguments: ["registered", "running"])
    func adoption(status: String) async throws {
        try await board.plan(model: "models/one", tasks: 1...2)
        let id = targon.add(name: try name("models/one"), stages: [status])
        try await withWorker(setup()) { _ in try await board.untilFinished(2) }
        #expect(targon.created == 1 && targon.served == [id: 2])
        #expect(targon.deployed == (status == "registered" ? 1 : 0) && targon.workloads.isEmpty)
    }

    @Test(
        "an answer that is lost, or refused for a while, costs no second workload and no result",
        arguments: TargonStandIn.all)
    func lostAnswers(call: TargonStandIn.Call, fault: TargonStandIn.Fault) async throws {
        try await board.plan(model: "models/one", tasks: 1...2)
        targon.breakDown { $0 == call && $1 < 2 ? fault : nil }
        try await withWorker(setup()) { _ in try await board.untilFinished(2) }
        #expect(targon.deployed == 1 && targon.served.count == 1)
        #expect(try await loads() == ["models/one true"])
        #expect(targon.workloads.isEmpty)
    }

    @Test("two workers share one workload; it stays while one of them is placed on it, and goes with the last")
    func shared() async throws {
        // More than loading takes: then a second worker joins.
        for _ in 0..<2 { try await board.plan(model: "models/one", tasks: 1...90) }
        let first = try setup(concurrency: 1), second = try setup(concurrency: 1)
        try await withWorker(first) { _ in
            try await withWorker(second) { _ in
                try await eventually("both are placed on it") {
                    try await board.count("SELECT count(*) FROM ops.placement") == 2
                }
                try await eventually("there is one, which serves") {
                    targon.workloads.map(\.status) == ["running"] && !targon.served.isEmpty
                }
            }
            #expect(targon.workloads.count == 1)
            try await board.untilFinished(60)
            #expect(targon.workloads.count == 1)
        }
        #expect(targon.workloads.isEmpty && targon.deployed == 1)
        #expect(try await loads() == ["models/one true"])
    }

    @Test("a failure that two workers see counts once")
    func sharedFailure() async throws {
        for _ in 0..<2 { try await board.plan(model: "bad/crash", tasks: 1...90) }
        try await withWorker(setup(concurrency: 1)) { _ in
            try await withWorker(setup(concurrency: 1)) { _ in
                try await eventually("it failed") { try await loads().contains("bad/crash false") }
                try await eventually("it is gone") { targon.workloads.isEmpty }
            }
        }
        #expect(try await board.count("SELECT count(*) - count(DISTINCT instance) FROM affine.model_load") == 0)
    }

    @Test("a model without work is kept for a while, and then its workload goes although the worker lives")
    func idle() async throws {
        try await board.plan(model: "models/one", tasks: 1...1)
        try await withWorker(setup(idle: .seconds(1))) { _ in
            try await board.untilFinished(1)
            #expect(targon.workloads.count == 1)
            try await eventually("it is given up") { targon.workloads.isEmpty }
            try await board.plan(model: "models/two", tasks: 1...1)
            try await board.untilFinished(2)
        }
        #expect(targon.workloads.isEmpty)
    }

    @Test("leftovers of the arena are deleted; what is in use, another arena's or somebody else's stays")
    func leftovers() async throws {
        try await board.plan(model: "models/one", tasks: 1...1)
        let left = targon.add(name: try name("models/gone")),
            registered = targon.add(
                name: try name("models/lost"), stages: ["registered"])
        let others = ["affine-00000000-0123456789abcdef", "research"].map { targon.add(name: $0) }
        try await withWorker(setup(grace: .milliseconds(300))) { _ in
            try await board.untilFinished(1)
            try await eventually("both leftovers are gone") {
                !targon.workloads.contains { [left, registered].contains($0.id) }
            }
            let looks = targon.calls.count { $0 == .list }
            try await eventually("it was swept often") { targon.calls.count { $0 == .list } > looks + 20 }
            #expect(targon.workloads.map(\.model).filter { $0 == "models/one" }.count == 3)
        }
        #expect(targon.workloads.map(\.id) == others)
    }

    @Test("the key is in no log, whatever goes wrong", arguments: [401, 402, 429, 503])
    func keyIsNotLogged(status: Int) async throws {
        try await board.plan(model: "models/one", tasks: 1...1)
        let log = LogLines()
        let wrong = "sk-wrong-9876543210"
        if status != 401 {
            targon.breakDown { _, before in before < 1 ? .refuse(status, headers: ["retry-after: 0"]) : nil }
        }
        try await withWorker(setup(key: status == 401 ? wrong : TargonStandIn.key), logger: log.logger) { _ in
            if status == 401 {
                try await eventually("it was refused") { log.text.contains("is the key right?") }
            } else {
                try await board.untilFinished(1)
            }
        }
        #expect(log.text.contains("status \(status)"))
        #expect(!log.text.contains("9876543210") && !log.text.contains(TargonStandIn.key))
        #expect(try await board.count("SELECT count(*) FROM affine.model_load WHERE NOT is_served") == 0)
    }
}

extension TargonStandIn {
    /// Each call with each way to lose or refuse it.
    static let all: [(Call, Fault)] = [Call.list, .create, .deploy, .state, .delete].flatMap { call in
        [(call, Fault.lose), (call, .refuse(503)), (call, .refuse(429, headers: ["retry-after: 0"]))]
    }
}
