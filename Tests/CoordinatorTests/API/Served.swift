import CoordinatorAPI
import HTTPClient
import Hummingbird
import TestSupport

enum Served {
    /// Serves a router on a port of its own while `body` asks it.
    static func with(
        _ router: Router<ClientContext>, limits: ServerLimits = ServerLimits(),
        _ body: @escaping @Sendable (String, HTTPClient) async throws -> Void
    ) async throws {
        let (ports, found) = AsyncStream<Int>.makeStream()
        let application = APIServer.application(
            router, host: "127.0.0.1", port: 0, limits: limits, onServerRunning: { found.yield($0) },
            logger: FreshDatabase.logger)
        let http = HTTPClient()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                var iterator = ports.makeAsyncIterator()
                let port = await iterator.next() ?? 0
                try await body("http://127.0.0.1:\(port)", http)
            }
            try await group.next()
            group.cancelAll()
        }
        await http.close()
    }
}
