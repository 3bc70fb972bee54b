internal import CPostgres
internal import Dispatch

/// Owns what libpq needs to ask the server, from another thread, to cancel a session's statement.
@safe final class Canceller: @unchecked Sendable {  // safe: immutable, and libpq documents PQcancel as thread-safe
    private let pointer: OpaquePointer?

    init(for connection: OpaquePointer) {
        unsafe pointer = PQgetCancel(connection)
    }

    deinit { unsafe PQfreeCancel(pointer) }

    /// Blocks until the server has taken note; says nothing of whether a statement was cancelled.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        unsafe _ = PQcancel(pointer, &message, Int32(message.count))
    }

    /// Cancels are sent from these threads, so that no task waits for the network.
    static let queue = DispatchQueue(label: "postgres.cancel", attributes: .concurrent)
}
