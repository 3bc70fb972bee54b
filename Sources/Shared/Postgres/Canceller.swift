internal import CPostgres
internal import Dispatch
internal import Glibc

/// Owns what is needed to end a session's statement from another thread: by asking the server, or without it.
@safe final class Canceller: @unchecked Sendable {  // safe: immutable, and libpq documents PQcancel as thread-safe
    private let pointer: OpaquePointer?
    /// The session's socket by a number of our own, which stays ours whenever libpq closes its.
    private let socket: Int32

    init(for connection: OpaquePointer) {
        unsafe pointer = PQgetCancel(connection)
        socket = unsafe fcntl(PQsocket(connection), F_DUPFD_CLOEXEC, 0)
    }

    deinit {
        unsafe PQfreeCancel(pointer)
        if socket >= 0 { close(socket) }
    }

    /// Ends the connection, so that whoever waits for its server waits no more.
    func hangUp() { shutdown(socket, Int32(SHUT_RDWR)) }

    /// Blocks until the server has taken note; says nothing of whether a statement was cancelled.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        unsafe _ = PQcancel(pointer, &message, Int32(message.count))
    }

    /// Cancels are sent from these threads, so that no task waits for the network.
    static let queue = DispatchQueue(label: "postgres.cancel", attributes: .concurrent)
}
