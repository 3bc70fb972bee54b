import Containers
import Domain
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct EngineTests {
    @Test(
        "What is no engine's address is refused, with the forms there are",
        arguments: ["ssh://user@host", "tcp://", "tcp://host", "tcp://host:0", "tcp://host:1/x", "unix://x", "x", ""])
    func addresses(text: String) {
        let error = #expect(throws: InvalidValue.self) { try EngineAddress(text) }
        #expect(
            error?.description.contains("is not valid: expected unix:///path/to/socket or tcp://host:port (ssh://")
                == true)
    }

    @Test func containersOfAnEngineElsewhereCannotBeInThisMachinesNetwork() throws {
        let elsewhere = try EngineAddress("tcp://engine.internal:2375")
        #expect(!elsewhere.isLocal)
        #expect(throws: InvalidValue.self) { try ContainerHost(engine: elsewhere, network: .host) }
        for text in ["tcp://127.0.0.1:2375", EngineAddress.usual] {
            let here = try EngineAddress(text)
            #expect(here.isLocal)
        }
    }

    @Test("An engine that is not there is named, with what to do")
    func absent() async throws {
        let engine = ContainerEngine(try EngineAddress("unix:///nowhere/engine.sock"), http: http)
        let error = await #expect(throws: ContainerError.self) { try await engine.version() }
        #expect(error?.code == .engineUnreachable)
        #expect(
            error?.detail
                == "container engine at unix:///nowhere/engine.sock did not tell its version (connectionFailed): "
                + "is it running there? --containers or DOCKER_HOST names another")
    }

    @Test("A refusal names the engine, the status and what the engine says")
    func refused() async throws {
        let server = LoopbackServer { _ in [.answer(500, body: #"{"message":"no space left"}"#.utf8)] }
        let engine = ContainerEngine(try EngineAddress("tcp://127.0.0.1:\(server.port)"), http: http)
        let error = await #expect(throws: ContainerError.self) { try await engine.remove("abc") }
        #expect(
            error?.detail
                == "container engine at tcp://127.0.0.1:\(server.port) did not remove container abc: status 500, "
                + "no space left")
        withExtendedLifetime(server) {}
    }

    @Test("A server that is no engine is said to be none")
    func otherServer() async throws {
        let server = LoopbackServer { _ in [.answer(body: "<html>".utf8)] }
        let engine = ContainerEngine(try EngineAddress("tcp://127.0.0.1:\(server.port)"), http: http)
        let error = await #expect(throws: ContainerError.self) { try await engine.version() }
        #expect(error?.detail.hasSuffix("as a container engine does: is it one that speaks Docker's API?") == true)
        withExtendedLifetime(server) {}
    }

    @Test("A real engine tells its version")
    func version() async throws {
        let engine = ContainerEngine(try EngineAddress(await Podman.engine()), http: http)
        #expect(try await !engine.version().version.isEmpty)
    }
}

@Suite struct ContainerSettingsTests {
    @Test(
        "An image is named with a tag, a digest or both, or by its id",
        arguments: [
            ("affinefoundation/lgc:pi-v2", "affinefoundation/lgc", "pi-v2", nil),
            ("localhost:5000/a/b:1", "localhost:5000/a/b", "1", nil),
            ("a@sha256:" + digits, "a", nil, "sha256:" + digits),
            ("a:t@sha256:" + digits, "a", "t", "sha256:" + digits), ("sha256:" + digits, nil, nil, "sha256:" + digits),
        ] as [(String, String?, String?, String?)])
    func images(text: String, name: String?, tag: String?, digest: String?) throws {
        let image = try ImageReference(text)
        #expect(image.name == name && image.tag == tag && image.digest == digest)
        #expect(image.description == text)
    }

    @Test(
        "What leaves open which image is meant is refused",
        arguments: [
            "", "a", "localhost:5000/a", "a:", ":t", "a@", "a@sha256:12", "A/b:1", "a b:1", "a:t t", "a//b:1",
            "a@sha256:" + digits.uppercased(), "sha256:12:",
        ])
    func openImages(text: String) {
        let error = #expect(throws: InvalidValue.self) { try ImageReference(text) }
        #expect(
            error?.description.hasPrefix("image '\(text)' is not valid: expected name:tag, name@sha256: and 64") == true
        )
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: @Sendable (inout ContainerSettings) -> Void

        init(_ error: String, _ change: @escaping @Sendable (inout ContainerSettings) -> Void) {
            testDescription = error
            self.change = change
        }
    }

    static let rows = [
        Row(
            "container.image 'a' is not valid: expected name:tag, name@sha256: and 64 lower-case hexadecimal digits, or an image's id sha256:…"
        ) { $0.image = "a" },
        Row("container.memory_bytes '1' is not valid: expected 16777216 to 17592186044416") { $0.memoryBytes = 1 },
        Row("container.nano_cpus '1' is not valid: expected 10000000 to 1024000000000") { $0.nanoCPUs = 1 },
        Row("container.pids_limit '7' is not valid: expected 8 to 65536") { $0.pidsLimit = 7 },
        Row("container.port '0' is not valid: expected 1 to 65535") { $0.port = 0 },
        Row("container.replicas '65' is not valid: expected 1 to 64") { $0.replicas = 65 },
        Row("container.idle_seconds '0' is not valid: expected 1 to 86400") { $0.idleSeconds = 0 },
        Row("container.start_seconds '3601' is not valid: expected 1 to 3600") { $0.startSeconds = 3_601 },
        Row("container.env 'a-b' is not valid: expected names of variables: A-Z, 0-9 and '_', beginning with a letter")
        {
            $0.variables = ["a-b": "1"]
        },
        Row(
            "container.secrets '1A' is not valid: expected names of variables: A-Z, 0-9 and '_', beginning with a letter"
        ) {
            $0.secrets = ["1A"]
        },
        Row("container.secrets 'A' is not valid: expected names that 'env' does not set") {
            $0.variables = ["A": "1"]
            $0.secrets = ["A"]
        },
        Row("container.env.A 'x\u{0}' is not valid: expected text without U+0000") { $0.variables = ["A": "x\u{0}"] },
    ]

    @Test("settings that cannot work are refused with field, value and what is allowed", arguments: rows)
    func refused(row: Row) {
        var settings = container()
        row.change(&settings)
        let error = #expect(throws: InvalidValue.self) { try settings.check() }
        #expect(error?.description == row.testDescription)
    }
}

private let digits = String(repeating: "0123456789abcdef", count: 4)
