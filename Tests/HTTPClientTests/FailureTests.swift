import HTTPClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct FailureTests {
    private let client = HTTPClient()

    @Test(
        "whoever is asked only where it is public is not asked elsewhere, however the address is written",
        arguments: [
            "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1",
            "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "2130706433", "0x7f.1", "[::]",
            "[::ffff:127.0.0.1]",
            "[fe80::1]", "[fd00::1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]",
        ])
    func notPublic(host: String) async throws {
        let server = LoopbackServer { _ in [.answer()] }
        let port = server.url.split(separator: ":").last ?? ""
        // A connection that is open already is none to go over either.
        _ = try await client.send(HTTPRequest(url: server.url))
        let request = HTTPRequest(url: "http://\(host):\(port)/", onlyPublicAddresses: true)
        let error = await #expect(throws: HTTPError.self) { try await client.send(request) }
        #expect(
            error?.code == .invalidURL && error?.detail.contains("is not public") == true,
            "\(String(describing: error))")
        #expect(server.log.accepted == 1)
    }

    @Test("an address for documents is public, if nobody's", arguments: ["192.0.2.1", "[2001:db8::1]"])
    func isPublic(host: String) async throws {
        let request = HTTPRequest(
            url: "http://\(host)/", connectTimeout: .milliseconds(50), onlyPublicAddresses: true)
        let error = await #expect(throws: HTTPError.self) { try await client.send(request) }
        #expect(error?.code == .connectionFailed, "\(String(describing: error))")
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: HTTPError.Code
        let script: [LoopbackServer.Step]

        init(_ name: String, _ code: HTTPError.Code, _ script: LoopbackServer.Step...) {
            testDescription = name
            self.code = code
            self.script = script
        }
    }

    @Test(
        "A broken answer is an error of its kind, and never an answer",
        arguments: [
            Case("closed without an answer", .connectionFailed, .close),
            Case("reset", .connectionFailed, .reset),
            Case(
                "half-closed in the headers", .connectionFailed, .send("HTTP/1.1 200 OK\r\ncontent-le"), .closeSending,
                .hold),
            Case(
                "length too large", .connectionFailed, .send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour"),
                .closeSending, .hold),
            Case(
                "chunk cut short", .connectionFailed,
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nfour"), .close),
            Case(
                "chunk of no length", .connectionFailed,
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"), .hold),
            Case("garbage for a status line", .protocolError, .send("\u{1}\u{2}garbage\r\n\r\n"), .hold),
            Case(
                "length not a number", .protocolError, .send("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"), .hold),
            Case("unknown compression", .protocolError, .answer(headers: ["content-encoding: zebra"], body: "x".utf8)),
            Case(
                "not the gzip it claims", .protocolError,
                .answer(headers: ["content-encoding: gzip"], body: "plain".utf8)),
            Case(
                "endless headers", .responseTooLarge, .send("HTTP/1.1 200 OK\r\n"),
                .sendForever(Array("x-a: b\r\n".utf8))),
            Case("endless interim answers", .responseTooLarge, .sendForever(Array("HTTP/1.1 103 Early\r\n\r\n".utf8))),
        ])
    func brokenAnswers(_ broken: Case) async {
        let server = LoopbackServer { _ in broken.script }
        let error = await client.failure(HTTPRequest(url: server.url))
        #expect(error?.code == broken.code, "\(error?.detail ?? "an answer")")
    }

    @Test func anAnswerThatEndsWithItsConnectionIsWhole() async throws {
        let server = LoopbackServer { _ in [.send("HTTP/1.1 200 OK\r\n\r\nuntil the end"), .closeSending, .hold] }
        #expect(try await client.send(HTTPRequest(url: server.url)).text == "until the end")
    }

    @Test func bytesBeyondTheLengthAreNotTheAnswer() async throws {
        let server = LoopbackServer { _ in [.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour more"), .hold] }
        #expect(try await client.send(HTTPRequest(url: server.url)).text == "four")
    }

    @Test(
        "An answer beyond the bound fails as soon as that is known",
        arguments: [
            Case(
                "announced, never sent", .responseTooLarge,
                .send("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n"), .hold),
            Case(
                "endless, without a length", .responseTooLarge, .send("HTTP/1.1 200 OK\r\n\r\n"),
                .sendForever([UInt8](repeating: 0x61, count: 4096))),
            Case(
                "10 MB in a gzip stream of 65 kB", .responseTooLarge,
                .send("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"), .send(gzipBomb(bytes: 10_000_000)), .hold),
        ])
    func answersAreBounded(_ large: Case) async {
        let server = LoopbackServer { _ in large.script }
        let error = await client.failure(HTTPRequest(url: server.url, maximumResponseBytes: 1_000_000))
        #expect(error?.code == .responseTooLarge)
        await server.until { $0.hangUps == 1 }
        #expect(server.log.sent < 100_000_000)
    }

    @Test func anAnswerOfExactlyTheBoundIsWhole() async throws {
        let server = LoopbackServer { _ in [.answer(body: [UInt8](repeating: 1, count: 1000))] }
        #expect(try await client.send(HTTPRequest(url: server.url, maximumResponseBytes: 1000)).body.count == 1000)
        #expect(
            await client.failure(HTTPRequest(url: server.url, maximumResponseBytes: 999))?.code == .responseTooLarge)
    }

    @Test func nobodyListeningIsAFailedConnection() async {
        let error = await client.failure(HTTPRequest(url: "http://127.0.0.1:\(DeadPort.refusing())/"))
        #expect(error?.code == .connectionFailed)
        #expect(error?.isRetryable == true)
        let socket = await client.failure(HTTPRequest(url: "http://engine/", unixSocket: "/nonexistent/socket"))
        #expect(socket?.code == .connectionFailed)
    }

    @Test("Errors name the request without its credentials and query")
    func errorsHoldNoSecrets() async throws {
        let server = LoopbackServer { _ in [.close] }
        let url = "http://user:hunter2@127.0.0.1:\(server.port)/v1/models?token=hunter2#hunter2"
        let error = try #require(await client.failure(HTTPRequest(url: url, headers: [("x-key", "hunter2")])))
        #expect(error.description.contains("GET http://127.0.0.1:\(server.port)/v1/models:"))
        #expect(!error.description.contains("hunter2"))
    }

    @Test(arguments: [
        HTTPRequest(method: "GET /", url: "http://h/"), HTTPRequest(method: "", url: "http://h/"),
        HTTPRequest(url: "http://h/", headers: [("a b", "c")]),
        HTTPRequest(url: "http://h/", headers: [("a", "b\r\nc: secret")]),
        HTTPRequest(url: "http://h/", headers: [("a", "secret\0")]),
        HTTPRequest(method: "HEAD", url: "http://h/", body: []),
        HTTPRequest(url: "http://h/", unixSocket: String(repeating: "s", count: 108)),
    ])
    func requestsThatWouldBreakTheirLinesAreNotSent(_ request: HTTPRequest) async {
        let error = await client.failure(request)
        #expect(error?.code == .invalidRequest)
        #expect(error?.detail.contains("secret") == false)
    }
}
