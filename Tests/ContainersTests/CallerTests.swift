import Containers
import Domain
import EnvironmentCalls
import Inference
import TestSupport
import Testing

/// What a worker makes of containers, on a real engine.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CallerTests {
    private func evaluate(_ yard: Yard?, act: String = "", image: String = Podman.image) async throws -> JobResult {
        try await evaluate(yard, .container(container(image: image)), act: act)
    }

    private func evaluate(_ yard: Yard?, _ place: EnvironmentSettings.Place, act: String = "") async throws -> JobResult
    {
        let name = try yard?.environment ?? EnvironmentName("nowhere")
        let settings = EnvironmentSettings(
            name: name, place: place, bounds: try #require(ScoreBounds(lo: .zero, hi: .one)), timeout: .seconds(30),
            parameters: ["act": .string(act)])
        let caller = EnvironmentCaller(http: http, apiKey: nil, containers: yard?.containers)
        let unused = try OpenAIClient(baseURL: "http://127.0.0.1:9/v1", model: "m", apiKey: nil, http: http)
        return await caller.evaluate(
            TaskCall(TaskID(rawValue: 1), in: name), settings, model: unused, name: "m",
            baseURL: "http://127.0.0.1:9/v1")
    }

    @Test(
        "A container that ends during a call is the environment's fault, with how it ended, and the next call finds a fresh one",
        arguments: [
            ("eat", "exited with 137 (killed, most likely because it needed more than its 64 MiB of memory)"),
            ("exit", "exited with 3; its log ends with: "),
        ])
    func ended(act: String, text: String) async throws {
        try await withContainers(of: "ended-\(act)") { yard in
            #expect(try await evaluate(yard).outcome == .scored)
            let before = try await yard.ids()
            let result = try await evaluate(yard, act: act)
            #expect(result.outcome == .environmentFault && result.errorCode == "container_exited")
            #expect(
                result.errorDetail?.contains("of image \(Podman.image) \(text)") == true, "\(result.errorDetail ?? "")")
            if act == "exit" { #expect(result.errorDetail?.contains("asked to exit") == true) }
            #expect(try await evaluate(yard).score == .one)
            #expect(try await yard.ids().isDisjoint(with: before))
        }
    }

    @Test("What keeps a container from starting is nobody's fault, and says what it is")
    func notStarted() async throws {
        try await withContainers(of: "not-started") { yard in
            let result = try await evaluate(yard, image: "localhost/nothing:v9")
            #expect(result.outcome == .infraFault && result.errorCode == "container_image_missing")
            #expect(result.errorDetail?.contains("has no image localhost/nothing:v9") == true)
        }
    }

    @Test("Without an engine the option that names one is told")
    func noEngine() async throws {
        let result = try await evaluate(nil)
        #expect(result.outcome == .infraFault && result.errorCode == "container_engine_missing")
        #expect(result.errorDetail?.hasSuffix("no engine is named here: --containers does") == true)
    }
}
