internal import Glibc

/// Wakes a thread that waits in `poll(2)`.
final class WakePipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    /// Nil when the process has no descriptors left.
    init?() {
        var ends: [Int32] = [-1, -1]
        // A pair of sockets, because Swift does not see `pipe2`, and `pipe` leaks into processes started meanwhile.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// From now on every wait returns at once.
    func signal() {
        var byte: UInt8 = 1
        unsafe _ = write(writeEnd, &byte, 1)
    }

    enum Event { case woken, readable, timedOut }

    /// Blocks until the pipe was signalled, `socket` can be read or was closed, or the time is over.
    func wait(for socket: Int32 = -1, atMost limit: Duration) -> Event {
        var watched = [
            pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        ]
        let ready = unsafe poll(&watched, nfds_t(watched.count), Int32(limit.milliseconds))
        guard ready > 0 else { return .timedOut }
        return watched[0].revents != 0 ? .woken : .readable
    }
}
