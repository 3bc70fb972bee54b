import Domain
import Foundation
import TestSupport
import Testing
import Worker

/// A worker with an engine of its own, which here is a script that can misbehave (`engine.py`).
@Suite(.arena, .timeLimit(.minutes(10))) struct EngineLaneTests {
    let board = Board()

    private func setup(_ folder: String, port: Int, loadTimeout: Duration = .seconds(30)) throws -> Setup {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "engine.py").path
        var setup = try settings(concurrency: 2)
        setup.settings.engine = EngineSettings(
            template: try EngineTemplate("python3 \(script) {model} {port}"),
            place: EnginePlace(host: "host-1", port: port, gpus: ["7"]), cacheFolder: folder, loadTimeout: loadTimeout)
        return setup
    }

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "engine-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await body(folder)
        try FileManager.default.removeItem(atPath: folder)
    }

    private func loads() async throws -> [String] {
        let words = "string_agg(host || ' ' || model || ' ' || is_served, '; ' ORDER BY id)"
        return try await board.text("SELECT COALESCE(\(words), '') FROM affine.model_load").components(
            separatedBy: "; ")
    }

    @Test(
        "The engine serves one model after the other, each is credited with its own results, and nothing is left running"
    )
    func twoModels() async throws {
        try await inFolder { folder in
            let port = DeadPort.refusing()
            try await board.plan(model: "models/one", tasks: 1...3)
            try await board.plan(model: "models/two", tasks: 1...3)
            try await withWorker(setup(folder, port: port)) { _ in
                try await board.untilFinished(6)
                #expect(
                    try await board.text("SELECT model || ' on ' || host FROM ops.placement") == "models/two on host-1")
                #expect(EngineProcesses.of(models: folder).count == 2)
            }
            #expect(EngineProcesses.of(models: folder) == [])
            #expect(try await loads() == ["host-1 models/one true", "host-1 models/two true"])
            let credited = """
                SELECT string_agg(DISTINCT e.model || ' ' || d.model || ' ' || d.lane, '; ') FROM affine.attempt a
                JOIN affine.deployment d ON d.id = a.deployment JOIN affine.evaluation e ON e.id = a.evaluation
                """
            #expect(try await board.text(credited) == "models/one models/one b300; models/two models/two b300")
            let said = "SELECT count(*) FROM affine.message WHERE content LIKE '%I am models/two%'"
            #expect(try await board.count(said) == 1)
        }
    }

    @Test(
        "A model that ends its engine, never listens or is another one is passed over with its reason, and others are served"
    )
    func badModels() async throws {
        try await inFolder { folder in
            let port = DeadPort.refusing()
            for (model, jobs) in [("bad/crash", 1), ("bad/other", 1), ("models/good", 2)] {
                try await board.plan(model: model, tasks: 1...Int64(jobs))
            }
            try await withWorker(setup(folder, port: port)) { _ in try await board.untilFinished(2) }
            #expect(
                try await loads() == ["host-1 bad/crash false", "host-1 bad/other false", "host-1 models/good true"])
            func detail(_ model: String) async throws -> String {
                try await board.text("SELECT detail FROM affine.model_load WHERE model = '\(model)'")
            }
            #expect(try await detail("bad/crash").contains("exited(3)"))
            #expect(try await detail("bad/crash").contains("CUDA error: out of memory"))
            #expect(try await detail("bad/other").contains("serves some/other instead"))
            #expect(EngineProcesses.of(models: folder) == [])
        }
    }

    @Test(
        "A model that never listens is given up after the time for loading, and its engine with all it started is gone")
    func neverListens() async throws {
        try await inFolder { folder in
            let port = DeadPort.refusing()
            try await board.plan(model: "bad/never", tasks: 1...1)
            try await withWorker(setup(folder, port: port, loadTimeout: .seconds(1))) { _ in
                try await eventually("the load has failed") { try await loads() == ["host-1 bad/never false"] }
                try await eventually("its engine is gone") { EngineProcesses.of(models: folder) == [] }
            }
            #expect(
                try await board.text("SELECT detail FROM affine.model_load").contains(
                    "was not served within 1.0 seconds"))
        }
    }

    @Test("An engine that dies while it serves is started again, and the job that it took with it is tried again")
    func diesWhileServing() async throws {
        try await inFolder { folder in
            let port = DeadPort.refusing()
            try await board.plan(model: "models/one", tasks: 1...1)
            try await withWorker(setup(folder, port: port)) { _ in
                try await board.untilFinished(1)
                for process in EngineProcesses.of(models: folder) { kill(process, SIGKILL) }
                try await eventually("the end was noticed") { try await loads().last == "host-1 models/one false" }
                try await board.plan(model: "models/two", tasks: 1...1)
                try await board.untilFinished(2)
            }
            #expect(try await loads().last == "host-1 models/two true")
        }
    }

    @Test("An engine whose model only runs ahead ends what it has in hand, and serves the contest that has nobody")
    func givesWay() async throws {
        try await inFolder { folder in
            let port = DeadPort.refusing()
            try await board.plan(model: "models/slow", tasks: 1...90, isAhead: true)
            try await withWorker(setup(folder, port: port)) { _ in
                try await eventually("a job ahead has ended") {
                    try await board.count("SELECT count(*) FROM affine.attempt") > 0
                }
                try await board.plan(model: "models/two", tasks: 1...1)
                try await eventually("the contest's job has ended") {
                    try await board.count("SELECT count(*) FROM affine.attempt WHERE evaluation = 2") == 1
                }
            }
            #expect(try await loads().prefix(2) == ["host-1 models/slow true", "host-1 models/two true"])
            #expect(try await board.count("SELECT count(*) FROM affine.attempt WHERE evaluation = 1 AND final") < 90)
            #expect(try await board.count("SELECT count(*) FROM affine.attempt WHERE NOT final") == 0)
        }
    }
}
