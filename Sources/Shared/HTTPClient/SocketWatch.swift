internal import CCurl
internal import Glibc

/// Tells libcurl which of its sockets are ready and when its timer has run out. What a turn costs depends on the sockets that
/// are ready, not on those that are open.
final class SocketWatch {
    /// Made readable by anybody who wants the loop's attention.
    let bell: Bell
    private let epoll: Int32
    private let multi: UnsafeMutableRawPointer
    private var ready = [epoll_event](repeating: epoll_event(), count: 256)
    /// When libcurl wants to be asked although no socket is ready.
    private var timer: ContinuousClock.Instant?

    /// Has libcurl tell of its sockets from now on; `close` comes after the last of them is gone.
    init(_ multi: UnsafeMutableRawPointer) {
        self.multi = multi
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "no descriptor for an HTTP client: error \(errno)")
        bell = Bell()
        watch(bell.descriptor, EPOLL_CTL_ADD, EPOLLIN.rawValue)
        ccurl_multi_watch(
            multi,
            { _, socket, wanted, context, known in
                SocketWatch.at(context)?.want(Int32(socket), wanted, isKnown: known != nil)
                return 0
            },
            { _, milliseconds, context in
                SocketWatch.at(context)?.timer = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> SocketWatch? {
        context.map { Unmanaged<SocketWatch>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Waits until something is ready, the bell rings or `deadline` has come, and has libcurl do what can be done.
    func serve(until deadline: ContinuousClock.Instant?) {
        let end = [timer, deadline].compactMap(\.self).min()
        let count = epoll_wait(epoll, &ready, Int32(ready.count), end.map(Self.milliseconds(until:)) ?? -1)
        var running: Int32 = 0
        for event in ready.prefix(Int(max(count, 0))) {
            guard event.data.fd != bell.descriptor else {
                bell.silence()
                continue
            }
            curl_multi_socket_action(multi, event.data.fd, Self.action(event.events), &running)
        }
        if let timer, timer <= .now {
            self.timer = nil
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
        }
    }

    func close() {
        Glibc.close(epoll)
        bell.close()
    }

    private func want(_ socket: Int32, _ wanted: Int32, isKnown: Bool) {
        guard wanted != CURL_POLL_REMOVE else { return watch(socket, EPOLL_CTL_DEL, 0) }
        let reads = wanted & CURL_POLL_IN != 0 ? EPOLLIN.rawValue : 0
        let writes = wanted & CURL_POLL_OUT != 0 ? EPOLLOUT.rawValue : 0
        watch(socket, isKnown ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, reads | writes)
        // Whatever is assigned to a socket marks it as known.
        curl_multi_assign(multi, socket, Unmanaged.passUnretained(self).toOpaque())
    }

    private func watch(_ descriptor: Int32, _ operation: Int32, _ events: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.fd = descriptor
        epoll_ctl(epoll, operation, descriptor, &event)
    }

    /// On an error libcurl looks itself.
    private static func action(_ events: UInt32) -> Int32 {
        guard events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) == 0 else { return 0 }
        return (events & EPOLLIN.rawValue != 0 ? CURL_CSELECT_IN : 0)
            | (events & EPOLLOUT.rawValue != 0 ? CURL_CSELECT_OUT : 0)
    }

    /// Rounded up, so that what it waits for has come; a minute at most.
    private static func milliseconds(until end: ContinuousClock.Instant) -> Int32 {
        let (seconds, attoseconds) = (end - .now).components
        guard seconds < 60 else { return 60_000 }
        return Int32(max(seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000, 0))
    }
}

/// What any thread may ring, and one thread waits for.
struct Bell: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no descriptor for an HTTP client: error \(errno)")
    }

    func ring() { eventfd_write(descriptor, 1) }

    func silence() {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
    }

    func close() { Glibc.close(descriptor) }
}
