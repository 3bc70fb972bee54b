import UnixSignals

/// Ctrl-C and SIGTERM, for work that has things to put away before the program ends.
enum Interruption {
    /// Runs `body`; a signal cancels it and ends in an error, so that everything around it is put away in order.
    static func ending<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    throw CommandError("stopped by \(signal)")
                }
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }
}
