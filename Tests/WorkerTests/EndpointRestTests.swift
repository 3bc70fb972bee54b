import Domain
import HTTPClient
import Synchronization
import TestSupport
import Testing
import Worker

@Suite(.arena, .timeLimit(.minutes(10))) struct EndpointRestTests {
    let board = Board()
    private static let list = LoopbackServer.Step.answer(body: #"{"data":[{"id":"\#(Board.repository)"}]}"#.utf8)

    private enum Health { case promising, down, well }

    @Test("An endpoint that fails rests: what waited for it is handed back uncounted, and done when it recovers")
    func aFailingEndpointRests() async throws {
        let health = Switch(Health.promising)
        let server = LoopbackServer { request in
            let isLook = request.line.hasPrefix("GET ")
            if !isLook { health.change { if $0 == .promising { $0 = .down } } }
            if health.value == .down { return [.answer(503)] }
            return [isLook ? Self.list : completion("?")]
        }
        try await board.plan(.init(maximumAttempts: 3, runLength: 4, tasks: 1...10))
        try await withWorker(settings(server, concurrency: 2)) { _ in
            try await eventually("the failure is recorded and the rest is handed back") {
                let (waiting, attempts) = (try await board.ready(), try await board.attempts())
                return waiting.count == 10 && !attempts.isEmpty
            }
            // Looked at again and again, and given nothing.
            await server.until { $0.looks >= 3 }
            let failed = try await board.attempts()
            #expect(failed.count == server.completions)
            #expect(failed.count <= 2)
            #expect(failed.allSatisfy { $0.code == "endpoint_overloaded" && !$0.isFinal })
            health.set(.well)
            try await board.untilFinished(10)
        }
        #expect(try await board.finals().allSatisfy { $0.outcome == "scored" && $0.attempt <= 2 })
    }

    @Test("An endpoint that lists its model but fails each completion is asked less and less often")
    func failedCompletionsGrowThePause() async throws {
        let asked = Switch<[ContinuousClock.Instant]>([])
        let server = endpoint { _ in
            asked.change { $0.append(.now) }
            return [.answer(500)]
        }
        try await board.plan(.init(maximumAttempts: 3, tasks: 1...50))
        try await withWorker(settings(server)) { _ in await server.until { $0.completions >= 4 } }
        let moments = asked.value
        for (index, least) in [0.5, 1, 2].enumerated() {
            #expect(moments[index].duration(to: moments[index + 1]) >= .seconds(least))
        }
    }

    @Test("An endpoint that serves another model is never given work")
    func anotherModelGetsNoWork() async throws {
        let server = endpoint(models: ["owner/other", "OWNER/NAME"]) { _ in [completion("?")] }
        try await board.plan()
        try await withWorker(settings(server)) { _ in await server.until { $0.looks >= 2 } }
        #expect(server.completions == 0)
        #expect(try await board.attempts().isEmpty)
        #expect(try await board.ready() == [0: 1])
        #expect(try await board.count("SELECT count(*) FROM affine.deployment") == 0)
    }

    @Test("An endpoint that refuses connections costs no job an attempt")
    func nobodyListens() async throws {
        var setup = try settings()
        setup.settings.endpoints = [
            Endpoint(
                model: try ModelReference(repository: Board.repository, revision: Board.revision),
                baseURL: "http://127.0.0.1:\(DeadPort.refusing())/v1")
        ]
        try await board.plan()
        try await withWorker(setup) { _ in
            try await eventually("the worker is registered") {
                try await board.count("SELECT count(*) FROM affine.worker") == 1
            }
        }
        #expect(try await board.attempts().isEmpty)
        #expect(try await board.ready() == [0: 1])
    }

    @Test("Work goes to the endpoint that answers, while another is down")
    func theOtherEndpointIsUsed() async throws {
        let down = LoopbackServer { _ in [.answer(503)] }
        let up = endpoint { _ in [completion("?")] }
        try await board.plan(.init(tasks: 1...3))
        try await withWorker(settings(down, up)) { _ in try await board.untilFinished(3) }
        #expect(try await board.attempts().count == 3)
        #expect(down.completions == 0)
    }
}
