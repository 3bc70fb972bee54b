import Containers
import Domain
import HTTPClient
import Processes
import TestSupport
import Testing

/// Against a real engine.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PodmanTests {
    @Test("An environment's container is started at its first call, reused at the next, and gone at the end")
    func reuse() async throws {
        let engine = try await withContainers(of: "reuse") { yard in
            #expect(try await yard.ids().isEmpty)
            let first = try await yard.containers.take(yard.environment, container())
            let told = try await ask(first)
            yard.containers.giveBack(first)
            let second = try await yard.containers.take(yard.environment, container())
            #expect(second == first)
            #expect(try await ask(second)["boot"] == told["boot"])
            yard.containers.giveBack(second)
            #expect(try await yard.ids() == [first.container])
            return yard.engine
        }
        #expect(try await engine.list(label: "affine.environment", "reuse").isEmpty)
    }

    @Test("A container has the variables, limits and read-only files that its settings say, and the worker's secrets")
    func made() async throws {
        var settings = container()
        settings.variables = ["LEVEL": "a=b c"]
        settings.secrets = ["CHUTES_API_KEY"]
        let told = try await withContainers(of: "made", secrets: ["CHUTES_API_KEY": "s3cret"]) { yard in
            let replica = try await yard.containers.take(yard.environment, settings)
            let used = try await yard.engine.stats(replica.container).memoryBytes
            #expect(used.map { (1...64 << 20).contains($0) } == true)
            return try await ask(replica)
        }
        #expect(told["environment"]?["LEVEL"] == .string("a=b c"))
        #expect(told["environment"]?["CHUTES_API_KEY"] == .string("s3cret"))
        #expect(told["limits"]?["Max open files"] == .array([.string("1024"), .string("4096")]))
        #expect(told["is_writable"] == .bool(false))
    }

    @Test("A secret that the worker's process lacks is named, and no container is made")
    func missingSecret() async throws {
        var settings = container()
        settings.secrets = ["CHUTES_API_KEY"]
        try await withContainers(of: "secret") { yard in
            let error = await refusal(yard, settings)
            #expect(error?.code == .secretMissing)
            #expect(
                error?.detail
                    == "environment secret needs the variable CHUTES_API_KEY, which this worker's process does "
                    + "not have: set it and start the worker again")
            let left = try await yard.ids()
            #expect(left.isEmpty)
        }
    }

    @Test("In the host's network the server is told a free port and reaches what listens on 127.0.0.1")
    func hostNetwork() async throws {
        try await withContainers(of: "hosted", network: .host) { yard in
            let replica = try await yard.containers.take(yard.environment, container())
            let port = try await ask(replica)["environment"]?["AFFINETES_PORT"]?.stringValue
            #expect(replica.url == "http://127.0.0.1:\(port ?? "")")
        }
    }

    @Test("A container that died between calls is replaced")
    func crash() async throws {
        try await withContainers(of: "crash") { yard in
            let replica = try await yard.containers.take(yard.environment, container())
            let before = try await ask(replica, act: "leave")
            yard.containers.giveBack(replica)
            try await eventually("the dead container is removed") { try await yard.ids().isEmpty }
            let fresh = try await yard.containers.take(yard.environment, container())
            #expect(try await ask(fresh)["boot"] != before["boot"])
        }
    }

    @Test("A container that has had no call for its idle time is removed, and not a moment before")
    func idle() async throws {
        let clock = ManualClock()
        try await withContainers(of: "idle", time: Timekeeper(clock)) { yard in
            let replica = try await yard.containers.take(yard.environment, container(idle: 60))
            clock.advance(by: .seconds(600))
            await clock.untilSomeoneSleeps()
            #expect(try await yard.ids() == [replica.container], "a call is under way")
            yard.containers.giveBack(replica)
            clock.advance(by: .seconds(59))
            await clock.untilSomeoneSleeps()
            #expect(try await yard.ids() == [replica.container])
            clock.advance(by: .seconds(2))
            await clock.untilSomeoneSleeps()
            let left = try await yard.ids()
            #expect(left.isEmpty)
        }
    }

    @Test("Calls beyond what one container has under way start replicas, and share them evenly")
    func replicas() async throws {
        try await withContainers(of: "replicas") { yard in
            var taken: [Replica] = []
            for _ in 0..<2 { taken.append(try await yard.containers.take(yard.environment, container(replicas: 2))) }
            try await eventually("two containers run") { try await yard.ids().count == 2 }
            try await eventually("both are called") {
                taken.append(try await yard.containers.take(yard.environment, container(replicas: 2)))
                return Set(taken).count == 2
            }
            taken.forEach(yard.containers.giveBack)
            let (one, other) = (
                try await yard.containers.take(yard.environment, container(replicas: 2)),
                try await yard.containers.take(yard.environment, container(replicas: 2))
            )
            #expect(one != other)
        }
    }

    @Test("What a killed process left is removed by the next one, and what belongs to a living one stays")
    func leftovers() async throws {
        let (dead, living) = (Bystander(), Bystander())
        defer {
            living.kill()
            living.bury()
        }
        try await withContainers(of: "living", process: ProcessIdentity(of: living.process)) { kept in
            let keeping = try await kept.containers.take(kept.environment, container())
            try await withContainers(of: "dead", process: ProcessIdentity(of: dead.process)) { left in
                let leaving = try await left.containers.take(left.environment, container())
                try await withContainers(of: "next") { _ in }
                #expect(try await left.ids() == [leaving.container])
                dead.kill()
                // Until its parent is told, a killed process is still listed.
                try await withContainers(of: "next") { yard in
                    try await eventually("the leftover is removed") { try await left.ids().isEmpty }
                }
                dead.bury()
            }
            #expect(try await kept.ids() == [keeping.container])
            #expect(try await ask(keeping)["boot"] != nil)
        }
    }

    @Test("An image that cannot be had is named, with the engine, why, and what to do")
    func wrongImage() async throws {
        try await withContainers(of: "wrong") { yard in
            let error = await refusal(yard, container(image: "localhost/nothing:v9"))
            #expect(error?.code == .imageMissing)
            #expect(
                error?.detail.hasPrefix(
                    "container engine at \(yard.engine.address) has no image localhost/nothing:v9 and can't pull it: ")
                    == true)
            #expect(error?.detail.hasSuffix("; check the name, or load the image there") == true)
        }
    }

    @Test("An image pinned by its id or its manifest's digest runs, and another under the same name is refused")
    func pins() async throws {
        try await withContainers(of: "pins") { yard in
            let replica = try await yard.containers.take(yard.environment, container())
            let labelled = try await yard.engine.list(label: "affine.environment", "pins").first
            let id = try #require(labelled?.labels["affine.image"])
            #expect(id.hasPrefix("sha256:"))
            for pinned in [id, "localhost/affine-test-environment@\(id)", "\(Podman.image)@\(id)"] {
                let same = try await yard.containers.take(yard.environment, container(image: pinned))
                #expect(same != replica)
            }
            let other = "\(Podman.image)@sha256:\(String(repeating: "0", count: 64))"
            let error = await refusal(yard, container(image: other))
            #expect(error?.code == .imageMismatch)
            #expect(error?.detail.contains("image \(other) is pinned to sha256:000") == true)
            #expect(error?.detail.contains(id) == true)
        }
    }

    @Test("A server that never becomes healthy fails the call with its log, and its container is removed")
    func unhealthy() async throws {
        var settings = container()
        settings.variables = ["UNHEALTHY": "1"]
        settings.startSeconds = 1
        try await withContainers(of: "unhealthy") { yard in
            let error = await refusal(yard, settings)
            #expect(error?.code == .startFailed)
            #expect(
                error?.detail.contains(
                    "did not answer GET /health with 200 within 1 s: does it listen on port 8000? Its log ends with: ")
                    == true)
            #expect(error?.detail.contains("GET /health") == true)
            let left = try await yard.ids()
            #expect(left.isEmpty)
        }
    }

    @Test("A caller that gives up while a container starts holds nobody up")
    func abandoned() async throws {
        try await withContainers(of: "abandoned") { yard in
            let caller = Task { try await yard.containers.take(yard.environment, container()) }
            caller.cancel()
            let end = await caller.result
            #expect(throws: ContainerError.self) { try end.get() }
            let replica = try await yard.containers.take(yard.environment, container())
            #expect(try await ask(replica)["boot"] != nil)
        }
    }

    private func refusal(_ yard: Yard, _ settings: ContainerSettings) async -> ContainerError? {
        do {
            _ = try await yard.containers.take(yard.environment, settings)
            return nil
        } catch {
            return error
        }
    }
}
