import CoordinatorAPI
import Domain
import HTTPClient
import Hummingbird
import Subprocess
import Synchronization
import TestSupport
import Testing

@Suite("What a server puts up with", .timeLimit(.minutes(5))) struct APIServerTests {
    private static let long = String(repeating: "what is said often compresses well; ", count: 1_000)

    private func serving(
        _ limits: ServerLimits = ServerLimits(), _ body: @escaping @Sendable (String, HTTPClient) async throws -> Void
    ) async throws {
        let router = Router(context: ClientContext.self, options: .autoGenerateHeadEndpoints)
        for (path, type) in [("long", "application/json"), ("events", "text/event-stream"), ("image", "image/png")] {
            router.get("\(path)") { _, _ in
                Response(
                    status: .ok, headers: [.contentType: type], body: .init(byteBuffer: .init(string: Self.long)))
            }
        }
        router.get("short") { _, _ in
            Response(status: .ok, headers: [.contentType: "text/html"], body: .init(byteBuffer: .init(string: "short")))
        }
        try await Served.with(router, limits: limits, body)
    }

    private func ask(_ url: String, _ http: HTTPClient, _ method: String = "GET", _ fields: [(String, String)] = [])
        async throws -> Reply
    {
        try await Reply.ask(method, url, fields.map { (name: $0.0, value: $0.1) }, http)
    }

    // MARK: Too often

    @Test("a client may ask at its rate for ever, twice a second's requests at once, and is told when to ask again")
    func rate() {
        let instant = Mutex(ContinuousClock.now)
        let rate = ClientRate(requestsPerSecond: 10) { instant.withLock { $0 } }
        let atOnce = (0..<20).map { _ in rate.refusal(of: "a") }
        #expect(atOnce.allSatisfy { $0 == nil })
        #expect(rate.refusal(of: "a") == .milliseconds(100))
        #expect(rate.refusal(of: "b") == nil, "others are not held up")
        for _ in 0..<100 {
            instant.withLock { $0 += .milliseconds(100) }
            #expect(rate.refusal(of: "a") == nil)
            #expect(rate.refusal(of: "a") == .milliseconds(100))
        }
        instant.withLock { $0 += .seconds(60) }
        #expect((0..<21).map { _ in rate.refusal(of: "a") }.filter { $0 == nil }.count == 20, "a pause is not saved up")
    }

    @Test("more clients than can be told apart share one rate, until the others have been silent")
    func manyClients() {
        let instant = Mutex(ContinuousClock.now)
        let rate = ClientRate(requestsPerSecond: 1) { instant.withLock { $0 } }
        #expect((0..<10_000).allSatisfy { rate.refusal(of: "known \($0)") == nil })
        #expect((0..<100).filter { rate.refusal(of: "new \($0)") == nil }.count == 2)
        #expect(rate.refusal(of: "known 1") == nil)
        instant.withLock { $0 += .seconds(10) }
        #expect((0..<100).allSatisfy { rate.refusal(of: "new \($0)") == nil })
    }

    @Test(
        "an IPv6 network of 64 bits is one client, and IPv4 addresses are told apart however they are written",
        arguments: [
            ("2001:db8::1", "2001:db8::ffff:2", true), ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false), ("10.0.0.1", "10.0.0.2", false),
        ])
    func networks(left: String, right: String, isOne: Bool) {
        #expect((ClientRate.client(of: left) == ClientRate.client(of: right)) == isOne)
    }

    @Test("who asks too often is refused with 429 and Retry-After; behind a proxy clients are told apart")
    func tooMany() async throws {
        try await serving(ServerLimits(requestsPerSecond: 1, isBehindProxy: true)) { url, http in
            var replies: [Reply] = []
            while replies.count < 100, replies.last?.status != 429 {
                replies.append(try await ask("\(url)/short", http, "GET", [("x-forwarded-for", "10.0.0.9, 10.0.0.1")]))
            }
            let refused = try #require(replies.last)
            #expect(refused.status == 429)
            let seconds = Int(refused.header("retry-after") ?? "")
            #expect(seconds == 1 || seconds == 2)
            #expect(refused.body["detail"]?.stringValue?.hasPrefix("too many requests") == true)
            let other = try await ask("\(url)/short", http, "GET", [("x-forwarded-for", "10.0.0.1, 10.0.0.9")])
            #expect(other.status == 200)
        }
    }

    // MARK: Too slowly, too much

    @Test("a connection whose request does not end is closed, and the server answers others")
    func slowloris() async throws {
        try await serving(ServerLimits(idleTimeout: .milliseconds(200))) { url, http in
            let port = String(url.split(separator: ":").last ?? "")
            // A header that never ends, one byte at a time: the connection's end is what ends the loop.
            let script = """
                import socket, sys, time
                s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
                s.sendall(b"GET /short HTTP/1.1\\r\\nhost: a\\r\\nx-slow: ")
                s.settimeout(0.05)
                while True:
                    try:
                        s.sendall(b"a")
                        if s.recv(1) == b"": break
                    except TimeoutError: pass
                    except OSError: break
                """
            let ended = try await Subprocess.run(
                .name("python3"), arguments: ["-c", script, port], output: .discarded)
            #expect(ended.terminationStatus.isSuccess)
            #expect(try await ask("\(url)/short", http).status == 200)
        }
    }

    @Test("headers of more than 16 KiB are refused, and the server answers others")
    func headerBomb() async throws {
        try await serving { url, http in
            for fields in [
                [("x-big", String(repeating: "a", count: 20_000))], (0..<200).map { ("x-\($0)", "a") },
            ] {
                // Refused with an answer, or with the end of the connection.
                let reply = try? await ask("\(url)/short", http, "GET", fields)
                #expect(reply?.status != 200)
            }
            let next = try await ask("\(url)/short", http)
            #expect(next.status == 200)
        }
    }

    @Test("what is no request is answered with 400, and the server answers others")
    func noRequest() async throws {
        try await serving { url, http in
            let port = String(url.split(separator: ":").last ?? "")
            let script = """
                import socket, sys
                for text in [b"\\x16\\x03\\x01\\x02\\x00", b"GET / HTTP/1.1\\r\\n bad\\r\\n\\r\\n", b"no request\\r\\n\\r\\n"]:
                    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
                    s.sendall(text)
                    answer = b""
                    while part := s.recv(4096): answer += part
                    print(answer.split(b"\\r\\n")[0].decode())
                """
            let told = try await Subprocess.run(
                .name("python3"), arguments: ["-c", script, port], output: .string(limit: 4_096))
            #expect(told.standardOutput == String(repeating: "HTTP/1.1 400 Bad Request\n", count: 3))
            let next = try await ask("\(url)/short", http)
            #expect(next.status == 200)
        }
    }

    // MARK: Compression

    @Test("long text is compressed for whoever accepts it, and says what it depends on")
    func compression() async throws {
        try await serving { url, http in
            let accepting = [("accept-encoding", "gzip")]
            // The client unpacks it.
            let reply = try await ask("\(url)/long", http, "GET", accepting)
            #expect(reply.header("content-encoding") == "gzip")
            #expect(reply.header("vary") == "Accept-Encoding")
            #expect(Int(reply.header("content-length") ?? "").map { $0 < Self.long.utf8.count / 10 } == true)
            #expect(reply.bytes == Array(Self.long.utf8))
            for (path, fields) in [
                ("long", [("accept-encoding", "identity")]), ("events", accepting), ("image", accepting),
                ("short", accepting),
            ] {
                let reply = try await ask("\(url)/\(path)", http, "GET", fields)
                #expect(reply.header("content-encoding") == nil, "\(path)")
                #expect(reply.bytes == Array((path == "short" ? "short" : Self.long).utf8), "\(path)")
            }
            // An answer without a body leaves the connection fit for the next one.
            #expect(try await ask("\(url)/long", http, "HEAD", accepting).bytes.isEmpty)
            #expect(try await ask("\(url)/short", http).status == 200)
        }
    }
}
