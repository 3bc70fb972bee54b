import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ConcurrencyTests {
    @Test("500 requests under way at once need one thread of the client's")
    func oneThreadDrivesAll() async throws {
        let count = 500
        let server = LoopbackServer { request in [.hold, .answer(body: request.line.utf8)] }
        let name = "drive-\(UInt32.random(in: 0...0xFFFFFF))"
        let client = HTTPClient(
            settings: HTTPClientSettings(
                maximumConnectionsPerHost: count, maximumConnections: count, threadName: name))
        let answers = try await withThrowingTaskGroup { group in
            for index in 0..<count {
                group.addTask { try await client.send(HTTPRequest(url: server.url + "/\(index)")).text }
            }
            await server.until { $0.requests.count == count }
            // Threads that the client's thread starts, such as libcurl's for names, inherit its name.
            #expect(threads(named: name) == 1)
            server.release()
            var answers: Set<String> = []
            for try await answer in group { answers.insert(answer) }
            return answers
        }
        #expect(answers == Set((0..<count).map { "GET /\($0) HTTP/1.1" }))
        #expect(server.log.mostOpen == count)
    }

    @Test("Thousands of requests share the connections that a host may have", arguments: [1, 8])
    func connectionsAreBounded(bound: Int) async throws {
        let server = LoopbackServer { _ in [.answer(body: "ok".utf8)] }
        let client = HTTPClient(settings: HTTPClientSettings(maximumConnectionsPerHost: bound))
        let total = try await withThrowingTaskGroup { group in
            for _ in 0..<2000 {
                group.addTask {
                    // A machine that is short of time is no reason to give up.
                    let request = HTTPRequest(url: server.url, timeout: .seconds(240))
                    return try await client.send(request).status == 200 ? 1 : 0
                }
            }
            var total = 0
            for try await one in group { total += one }
            return total
        }
        #expect(total == 2000)
        #expect(server.log.accepted <= bound)
    }

    @Test func aStuckHostDoesNotHoldUpAnother() async throws {
        let stuck = LoopbackServer { _ in [.hold, .answer()] }
        let healthy = LoopbackServer { _ in [.answer(201)] }
        let client = HTTPClient(settings: HTTPClientSettings(maximumConnectionsPerHost: 2, maximumConnections: 3))
        try await withThrowingTaskGroup { group in
            for _ in 0..<10 { group.addTask { _ = try await client.send(HTTPRequest(url: stuck.url)) } }
            await stuck.until { $0.requests.count == 2 }
            for _ in 0..<10 {
                let response = try await client.send(HTTPRequest(url: healthy.url))
                #expect(response.status == 201)
            }
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }

    /// How many threads of this process bear the name.
    private func threads(named name: String) -> Int {
        guard let folder = opendir("/proc/self/task") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            let id = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 32)
            guard fgets(&line, 32, file) != nil else { continue }
            let text = String(
                decoding: line.map(UInt8.init(bitPattern:)).prefix { $0 != 0 && $0 != 0x0A }, as: UTF8.self)
            if text == name { count += 1 }
        }
        return count
    }
}
