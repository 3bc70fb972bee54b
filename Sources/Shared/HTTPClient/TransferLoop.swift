internal import CCurl
internal import Glibc

/// Owns libcurl's multi handle; made, run and ended on one thread.
struct TransferLoop {
    private let mailbox: Mailbox
    private let settings: HTTPClientSettings
    private let multi: UnsafeMutableRawPointer
    private let sockets: SocketWatch
    private var admission: Admission
    private var tickets: [UInt64: Ticket] = [:]
    /// The admitted ones among `tickets`.
    private var transfers: [UInt64: Transfer] = [:]
    /// No deadline is earlier; it may be that of a transfer that has ended.
    private var earliestDeadline: ContinuousClock.Instant?

    static func start(mailbox: Mailbox, settings: HTTPClientSettings) {
        let context = Unmanaged.passRetained(Context(mailbox: mailbox, settings: settings))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { address in
                guard let address else { return nil }
                let context = Unmanaged<Context>.fromOpaque(address).takeRetainedValue()
                TransferLoop.prepareThread(name: context.settings.threadName)
                var loop = TransferLoop(mailbox: context.mailbox, settings: context.settings)
                loop.run()
                return nil
            }, context.toOpaque())
        precondition(status == 0, "no thread for an HTTP client: error \(status)")
        pthread_detach(thread)
    }

    private final class Context {
        let mailbox: Mailbox
        let settings: HTTPClientSettings

        init(mailbox: Mailbox, settings: HTTPClientSettings) {
            self.mailbox = mailbox
            self.settings = settings
        }
    }

    /// Signals are other threads' business; TLS writes to a closed connection would raise SIGPIPE here.
    private static func prepareThread(name: String) {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        ccurl_name_this_thread(name)
    }

    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    private init(mailbox: Mailbox, settings: HTTPClientSettings) {
        guard Self.isLibraryReady, let multi = curl_multi_init() else {
            preconditionFailure("libcurl could not be initialised")
        }
        self.mailbox = mailbox
        self.settings = settings
        self.multi = multi
        sockets = SocketWatch(multi)
        admission = Admission(
            perOrigin: settings.maximumConnectionsPerHost, total: settings.maximumConnections)
        // Counts connections in use as well; more than these are never open.
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, settings.maximumConnections)
        mailbox.loopBegan(sockets.bell)
    }

    private mutating func run() {
        while true {
            let (commands, isClosing) = mailbox.take()
            for command in commands { handle(command) }
            if isClosing { break }
            admit()
            sockets.serve(until: earliestDeadline)
            collect()
            expire()
        }
        end()
    }

    private mutating func handle(_ command: Mailbox.Command) {
        switch command {
        case .start(let ticket):
            tickets[ticket.id] = ticket
            admission.enter(ticket.id, origin: ticket.request.origin)
            earliestDeadline = min(earliestDeadline ?? ticket.request.deadline, ticket.request.deadline)
        case .cancel(let id):
            finish(id) { _ in (.cancelled, "the task was cancelled") }
        }
    }

    /// Starts what there is room for.
    private mutating func admit() {
        while let id = admission.next() {
            guard let ticket = tickets[id] else { continue }
            let transfer = Transfer(ticket.request, id: id, settings: settings)
            transfers[id] = transfer
            if !transfer.join(multi) { finish(id) { _ in (.protocolError, "libcurl did not take the request") } }
        }
    }

    /// Takes the transfers that libcurl has finished.
    private mutating func collect() {
        var left: Int32 = 0
        var finished: [(id: UInt64, status: CURLcode)] = []
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let id = Transfer.id(of: message.pointee.easy_handle) else {
                continue
            }
            finished.append((id, message.pointee.data.result))
        }
        for (id, status) in finished {
            guard let ticket = tickets.removeValue(forKey: id), let transfer = transfers.removeValue(forKey: id) else {
                continue
            }
            let result = transfer.result(status)
            transfer.leave(multi)
            admission.leave(id)
            ticket.continuation.resume(returning: result)
        }
    }

    private mutating func expire() {
        let now = ContinuousClock.now
        guard let earliest = earliestDeadline, earliest <= now else { return }
        for (id, ticket) in tickets where ticket.request.deadline <= now {
            finish(id) { transfer in
                switch transfer?.isUnderWay {
                case nil: (.connectionFailed, "no connection was free within the request's timeout")
                case false?: (.connectionFailed, "no connection within the request's timeout")
                case true?: (.timedOut, "the answer was not whole within the request's timeout")
                }
            }
        }
        earliestDeadline = tickets.values.map(\.request.deadline).min()
    }

    /// Gives up a transfer, waiting or running; an id that has ended is ignored.
    private mutating func finish(_ id: UInt64, reason: (Transfer?) -> (HTTPError.Code, String)) {
        guard let ticket = tickets.removeValue(forKey: id) else { return }
        let transfer = transfers.removeValue(forKey: id)
        let (code, text) = reason(transfer)
        transfer?.leave(multi)
        admission.leave(id)
        ticket.fail(code, text)
    }

    private mutating func end() {
        for id in tickets.keys.sorted() { finish(id) { _ in (.clientClosed, "the client was closed") } }
        mailbox.loopWillEnd()
        curl_multi_cleanup(multi)
        sockets.close()
        mailbox.loopEnded()
    }
}
