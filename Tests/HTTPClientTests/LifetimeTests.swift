import HTTPClient
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct LifetimeTests {
    /// Longer than the time limit of a test: what ends earlier was not ended by it.
    private let never = Duration.seconds(600)

    @Test func anAnswerThatDoesNotComeIsGivenUpAtTheDeadline() async {
        let server = LoopbackServer { _ in [.hold] }
        let client = HTTPClient()
        let error = await client.failure(HTTPRequest(url: server.url, timeout: .seconds(2)))
        #expect(error?.code == .timedOut)
        #expect(error?.isRetryable == true)
        await server.until { $0.hangUps == 1 }
    }

    @Test func anAnswerThatTricklesIsGivenUpAtTheDeadline() async {
        let server = LoopbackServer { _ in
            [.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), .sendForever(Array("1\r\na\r\n".utf8))]
        }
        let error = await HTTPClient().failure(
            HTTPRequest(url: server.url, timeout: .seconds(2), maximumResponseBytes: .max))
        #expect(error?.code == .timedOut)
    }

    @Test("A handshake that never ends is given up at the connect timeout, as a failed connection")
    func connectingHasItsOwnDeadline() async {
        let server = LoopbackServer { _ in [.hold] }
        let error = await HTTPClient().failure(
            HTTPRequest(url: "https://127.0.0.1:\(server.port)/", timeout: never, connectTimeout: .milliseconds(100)))
        #expect(error?.code == .connectionFailed)
    }

    @Test("Waiting for a free connection counts towards the timeout, and is no fault of the server")
    func waitingHasADeadline() async {
        let server = LoopbackServer { _ in [.hold, .answer()] }
        let client = HTTPClient(settings: HTTPClientSettings(maximumConnectionsPerHost: 1))
        let url = server.url
        async let first = client.outcome(HTTPRequest(url: url, timeout: never))
        await server.until { $0.requests.count == 1 }
        let second = await client.failure(HTTPRequest(url: url, timeout: .milliseconds(100)))
        #expect(second?.code == .connectionFailed)
        server.release()
        #expect(await (try? first.get())?.status == 200)
        #expect(server.log.accepted == 1)
    }

    @Test func noTimeIsATimeoutAndEndlessTimeIsNone() async throws {
        let server = LoopbackServer { _ in [.answer()] }
        let client = HTTPClient()
        #expect(await client.failure(HTTPRequest(url: server.url, timeout: .seconds(-1))) != nil)
        let endless = Duration(secondsComponent: .max, attosecondsComponent: 0)
        let request = HTTPRequest(url: server.url, timeout: endless, connectTimeout: endless)
        #expect(try await client.send(request).status == 200)
    }

    @Test func cancellingTheTaskHangsUpAtOnce() async {
        let server = LoopbackServer { _ in [.hold] }
        let client = HTTPClient()
        let error = await withTaskGroup { group in
            group.addTask { await client.failure(HTTPRequest(url: server.url, timeout: never)) }
            await server.until { $0.requests.count == 1 }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.code == .cancelled)
        await server.until { $0.hangUps == 1 }
    }

    @Test func aTaskAlreadyCancelledSendsNothing() async {
        let server = LoopbackServer { _ in [.answer()] }
        let client = HTTPClient()
        let error = await withTaskGroup(of: HTTPError?.self) { group in
            group.cancelAll()
            group.addTask { await client.failure(HTTPRequest(url: server.url, timeout: never)) }
            return await group.next() ?? nil
        }
        #expect(error?.code == .cancelled)
        #expect(server.log.requests.isEmpty)
    }

    @Test func cancellingOneWaitingTransferLeavesTheOthers() async {
        let server = LoopbackServer { _ in [.hold, .answer()] }
        let client = HTTPClient(settings: HTTPClientSettings(maximumConnectionsPerHost: 1))
        let url = server.url
        async let first = client.outcome(HTTPRequest(url: url, timeout: never))
        await server.until { $0.requests.count == 1 }
        let waiting = await withTaskGroup { group in
            for _ in 0..<10 { group.addTask { await client.failure(HTTPRequest(url: url, timeout: never)) } }
            group.cancelAll()
            return await group.reduce(into: []) { $0.append($1?.code) }
        }
        #expect(waiting == Array(repeating: .cancelled, count: 10))
        server.release()
        #expect(await (try? first.get())?.status == 200)
    }

    @Test("Closing fails what runs, what waits and what comes later, and returns when the connections are gone")
    func closingEndsEverything() async {
        let server = LoopbackServer { _ in [.hold] }
        let client = HTTPClient(settings: HTTPClientSettings(maximumConnectionsPerHost: 2))
        let codes = await withTaskGroup { group in
            for _ in 0..<5 {
                group.addTask { await client.failure(HTTPRequest(url: server.url, timeout: never))?.code }
            }
            await server.until { $0.requests.count == 2 }
            await client.close()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes == Array(repeating: .clientClosed, count: 5))
        await server.until { $0.hangUps == 2 }
        #expect(await client.failure(HTTPRequest(url: server.url))?.code == .clientClosed)
        await client.close()
    }

    @Test func aClientThatNobodyHoldsHangsUp() async throws {
        let server = LoopbackServer { _ in [.answer()] }
        #expect(try await HTTPClient().send(HTTPRequest(url: server.url)).status == 200)
        await server.until { $0.hangUps == 1 }
    }
}
