/// Runs `body` beside servers that it needs; a server that ends first ends it, with the server's error.
func serving<Value: Sendable>(
    _ servers: [@Sendable () async throws -> Void], _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        for server in servers {
            group.addTask {
                try await server()
                return nil
            }
        }
        group.addTask { try await body() }
        defer { group.cancelAll() }
        while let ended = try await group.next() {
            if let ended { return ended }
        }
        throw CancellationError()
    }
}
