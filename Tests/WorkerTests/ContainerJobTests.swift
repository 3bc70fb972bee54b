import Containers
import Domain
import FoundationEssentials
import HTTPClient
import TestSupport
import Testing
import Worker

/// Jobs of an environment that is run in a container, by a real engine.
@Suite(.arena, .timeLimit(.minutes(10))) struct ContainerJobTests {
    let board = Board()

    private func plan(_ settings: ContainerSettings, attempts: Int = 2, tasks: ClosedRange<Int64> = 1...6) async throws
    {
        let document = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        try await board.plan(
            .init(
                name: "contained", kind: "container", container: document, timeout: .seconds(60),
                maximumAttempts: attempts,
                tasks: tasks))
    }

    @Test("A worker's jobs share one container, which is gone when the worker is")
    func shared() async throws {
        let address = try EngineAddress(await Podman.engine())
        try await plan(ContainerSettings(image: Podman.image, memoryBytes: 64 << 20))
        let model = endpoint { _ in [.answer(500)] }
        let host = try ContainerHost(engine: address)
        let http = HTTPClient()
        let engine = ContainerEngine(address, http: http)
        try await withWorker(settings(model, concurrency: 3, containers: host)) { _ in
            try await board.untilFinished(6)
            #expect(try await engine.list(label: "affine.environment", "contained").count == 1)
        }
        #expect(try await engine.list(label: "affine.environment", "contained").isEmpty)
        #expect(try await board.finals().allSatisfy { $0.outcome == "scored" && $0.score == 1_000_000_000 })
        await http.close()
    }

    @Test("Jobs of an image that cannot be had end as nobody's fault")
    func noImage() async throws {
        try await plan(ContainerSettings(image: "localhost/nothing:v9"), attempts: 1, tasks: 1...1)
        let model = endpoint { _ in [.answer(500)] }
        let host = try ContainerHost(engine: EngineAddress(await Podman.engine()))
        try await withWorker(settings(model, containers: host)) { _ in try await board.untilFinished(1) }
        #expect(try await board.finals().map(\.code) == ["container_image_missing"])
        #expect(try await board.finals().map(\.outcome) == ["infra_fault"])
    }
}
