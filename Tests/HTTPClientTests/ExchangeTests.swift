import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ExchangeTests {
    private let client = HTTPClient()

    @Test func anAnswerArrivesWholeWithItsStatusAndHeaders() async throws {
        let server = LoopbackServer { _ in [.answer(404, headers: ["X-Two: 2", "X-Blank:"], body: "gone".utf8)] }
        let response = try await client.send(HTTPRequest(url: server.url + "/path?query=1"))
        #expect(response.status == 404)
        #expect(response.text == "gone")
        #expect(response.headers["x-two"] == "2")
        #expect(response.headers["X-BLANK"] == "")
        #expect(response.headers["x-absent"] == nil)
        #expect(server.log.requests.map(\.line) == ["GET /path?query=1 HTTP/1.1"])
    }

    @Test("The server sees the method, headers and body asked for, and none that libcurl adds to a POST")
    func requestsAreSentAsAsked() async throws {
        let server = LoopbackServer { _ in [.answer()] }
        let body = [UInt8](repeating: 0xFF, count: 2 << 20)
        _ = try await client.send(
            HTTPRequest(method: "POST", url: server.url, headers: [("x-empty", ""), ("x-one", "1 2")], body: body))
        let request = try #require(server.log.requests.first)
        #expect(request.line == "POST / HTTP/1.1")
        #expect(request.body == body)
        #expect(request.header("x-empty") == "")
        #expect(request.header("x-one") == "1 2")
        #expect(request.header("user-agent") == "affine")
        #expect(request.header("expect") == nil)
        #expect(request.header("content-type") == nil)
    }

    @Test(
        arguments: [
            ("GET", nil, nil), ("DELETE", nil, nil), ("POST", nil, "0"), ("PUT", [], "0"), ("PATCH", [1, 0, 2], "3"),
            ("GET", [7], "1"), ("HEAD", nil, nil),
        ] as [(String, [UInt8]?, String?)])
    func lengthIsSentWhereABodyIsMeant(method: String, body: [UInt8]?, length: String?) async throws {
        let server = LoopbackServer { _ in [.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")] }
        _ = try await client.send(HTTPRequest(method: method, url: server.url, body: body))
        let request = try #require(server.log.requests.first)
        #expect(request.line == "\(method) / HTTP/1.1")
        #expect(request.body == body ?? [])
        #expect(request.header("content-length") == length)
    }

    @Test func headTakesALengthWithoutABody() async throws {
        let server = LoopbackServer { _ in [.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")] }
        let response = try await client.send(HTTPRequest(method: "HEAD", url: server.url, maximumResponseBytes: 10))
        #expect(response.headers["content-length"] == "99999999999")
        #expect(response.body.isEmpty)
    }

    @Test func oneConnectionServesRequestsInTurn() async throws {
        let server = LoopbackServer { _ in [.answer()] }
        for _ in 0..<20 { _ = try await client.send(HTTPRequest(url: server.url)) }
        #expect(server.log.requests.count == 20)
        #expect(server.log.accepted == 1)
    }

    @Test("A kept connection that the server has closed is replaced, not reported")
    func staleConnectionsAreReplaced() async throws {
        let server = LoopbackServer { request in
            request.connection == 0 ? [.answer(), .close] : [.answer(201)]
        }
        #expect(try await client.send(HTTPRequest(url: server.url)).status == 200)
        #expect(try await client.send(HTTPRequest(method: "POST", url: server.url, body: [1])).status == 201)
    }

    @Test func redirectsAreNotFollowed() async throws {
        let server = LoopbackServer { _ in [.answer(302, headers: ["location: /elsewhere"])] }
        let response = try await client.send(HTTPRequest(url: server.url))
        #expect(response.status == 302)
        #expect(response.headers["location"] == "/elsewhere")
        #expect(server.log.requests.count == 1)
    }

    @Test func credentialsInTheURLAreSentAsBasicAuthorisation() async throws {
        let server = LoopbackServer { _ in [.answer()] }
        _ = try await client.send(HTTPRequest(url: "http://Aladdin:open%20sesame@127.0.0.1:\(server.port)/"))
        #expect(server.log.requests.first?.header("authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    }

    @Test func compressedBodiesArriveDecompressed() async throws {
        let compressed: [UInt8] = [
            31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 215, 81, 72, 206, 207, 45, 40, 74, 45, 46, 78, 77,
            81, 40, 207, 47, 202, 73, 1, 0, 8, 158, 52, 53, 23, 0, 0, 0,
        ]
        let server = LoopbackServer { _ in [.answer(headers: ["content-encoding: gzip"], body: compressed)] }
        #expect(try await client.send(HTTPRequest(url: server.url)).text == "hello, compressed world")
        #expect(server.log.requests.first?.header("accept-encoding") == "gzip, deflate")
    }

    @Test func interimAnswersAndTrailersAreNotTheAnswer() async throws {
        let server = LoopbackServer { _ in
            [
                .send("HTTP/1.1 103 Early\r\nx-early: 1\r\n\r\n"),
                .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-folded: a\r\n  b\r\n\r\n"),
                .send("3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n"),
            ]
        }
        let response = try await client.send(HTTPRequest(url: server.url))
        #expect(response.text == "abc")
        #expect(response.headers["x-early"] == nil)
        #expect(response.headers["x-trailer"] == nil)
        #expect(response.headers["x-folded"] == "a b")
    }

    @Test func aUnixSocketIsUsedInsteadOfTheHost() async throws {
        let path = "/tmp/http-client-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).socket"
        let server = LoopbackServer(unixSocket: path) { _ in [.answer(body: "socket".utf8)] }
        defer { unlink(path) }
        let response = try await client.send(HTTPRequest(url: "http://engine/version", unixSocket: path))
        #expect(response.text == "socket")
        #expect(server.log.requests.first?.line == "GET /version HTTP/1.1")
        #expect(server.log.requests.first?.header("host") == "engine")
    }

    @Test(
        arguments: [
            ("17", nil, 17), ("0", nil, 0), ("999999999999999999999", nil, 86_400),
            ("Sun, 06 Nov 1994 08:50:07 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 30),
            ("Sun Nov  6 08:50:07 1994", "Sun, 06 Nov 1994 08:49:37 GMT", 30),
            ("Sun, 06 Nov 1994 08:49:37 GMT", nil, 0), ("soon", nil, nil), ("-1", nil, nil), ("", nil, nil),
        ] as [(String, String?, Int?)])
    func retryAfterIsReadInEveryForm(text: String, date: String?, seconds: Int?) {
        let fields = [("Retry-After", text)] + (date.map { [("Date", $0)] } ?? [])
        let response = HTTPResponse(status: 429, headers: HTTPHeaders(fields), body: [])
        #expect(response.retryAfter == seconds.map { .seconds($0) })
    }
}
