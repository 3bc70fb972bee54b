import Synchronization

/// A value that is made by whoever asks first; all others wait for it. A failure is kept as well.
public final class Once<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case making([CheckedContinuation<Value, any Error>])
        case done(Result<Value, any Error>)
    }

    private let state = Mutex(State.idle)

    public init() {}

    public func value(_ make: () async throws -> Value) async throws -> Value {
        let isFirst = state.withLock { state in
            guard case .idle = state else { return false }
            state = .making([])
            return true
        }
        guard isFirst else { return try await wait() }
        let result: Result<Value, any Error>
        do { result = .success(try await make()) } catch { result = .failure(error) }
        let waiting: [CheckedContinuation<Value, any Error>] = state.withLock { state in
            defer { state = .done(result) }
            return if case .making(let waiting) = state { waiting } else { [] }
        }
        for continuation in waiting { continuation.resume(with: result) }
        return try result.get()
    }

    private func wait() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let done: Result<Value, any Error>? = state.withLock { state in
                if case .done(let result) = state { return result }
                if case .making(let waiting) = state { state = .making(waiting + [continuation]) }
                return nil
            }
            if let done { continuation.resume(with: done) }
        }
    }
}
