internal import Glibc

/// The thread of a `LoopbackServer`: polls its listener, its connections and the pipe that wakes it.
final class ServerLoop {
    private let listener: Int32
    private let wakeUp: Int32
    private let board: LogBoard
    private let script: @Sendable (LoopbackServer.Request) -> [LoopbackServer.Step]
    private var connections: [Int32: ServedConnection] = [:]

    init(
        listener: Int32, wakeUp: Int32, board: LogBoard,
        script: @escaping @Sendable (LoopbackServer.Request) -> [LoopbackServer.Step]
    ) {
        self.listener = listener
        self.wakeUp = wakeUp
        self.board = board
        self.script = script
    }

    func start() {
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { address in
                guard let address else { return nil }
                Unmanaged<ServerLoop>.fromOpaque(address).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(status == 0, "no thread for a server: error \(status)")
        pthread_detach(thread)
    }

    private func run() {
        var isOpen = true
        while isOpen {
            var polled = [pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
            polled.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
            polled += connections.map { descriptor, connection in
                pollfd(fd: descriptor, events: Int16(connection.wantsToSend ? POLLIN | POLLOUT : POLLIN), revents: 0)
            }
            poll(&polled, nfds_t(polled.count), -1)
            if polled[0].revents != 0 { isOpen = wakeAll() }
            if polled[1].revents != 0 { accept() }
            for entry in polled.dropFirst(2) where entry.revents != 0 { serve(entry) }
        }
        for descriptor in connections.keys { close(descriptor) }
        close(listener)
        close(wakeUp)
    }

    /// False when nobody can wake this thread any more.
    private func wakeAll() -> Bool {
        var byte: UInt8 = 0
        guard read(wakeUp, &byte, 1) == 1 else { return false }
        for (descriptor, connection) in connections where connection.isHeld == true {
            connection.isHeld = false
            advance(descriptor, connection)
        }
        return true
    }

    private func accept() {
        guard let (descriptor, client) = Listening.accept(listener) else { return }
        connections[descriptor] = ServedConnection(number: board.log.accepted, client: client)
        board.note { log in
            log.accepted += 1
            log.mostOpen = max(log.mostOpen, log.accepted - log.closed)
        }
    }

    private func serve(_ entry: pollfd) {
        guard let connection = connections[entry.fd] else { return }
        if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = recv(entry.fd, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                connection.received += bytes[..<count]
            } else if count == 0 || errno != EAGAIN {
                board.note { $0.hangUps += 1 }
                return end(entry.fd)
            }
        }
        advance(entry.fd, connection)
    }

    /// Does what can be done now without waiting.
    private func advance(_ descriptor: Int32, _ connection: ServedConnection) {
        while true {
            if connection.steps.isEmpty {
                guard let request = connection.nextRequest() else { return }
                connection.steps = script(request)
                let client = connection.client
                board.note { log in
                    log.requests.append(request)
                    log.underWay[client, default: 0] += 1
                }
                connection.isAnswering = true
                if connection.steps.isEmpty { return end(descriptor) }
            }
            guard perform(descriptor, connection) else { return }
            if connection.steps.isEmpty { answered(connection) }
        }
    }

    /// Does the first step; true when the next may follow at once.
    private func perform(_ descriptor: Int32, _ connection: ServedConnection) -> Bool {
        switch connection.steps[0] {
        case .send(let bytes):
            let count = send(descriptor, bytes)
            connection.steps[0] = .send(Array(bytes.dropFirst(count)))
            guard count == bytes.count else { return false }
        case .sendForever(let bytes):
            connection.steps.insert(.send(bytes), at: 0)
            return true
        case .hold:
            connection.isHeld = connection.isHeld ?? true
            guard connection.isHeld == false else { return false }
            connection.isHeld = nil
        case .close:
            end(descriptor)
            return false
        case .closeSending:
            shutdown(descriptor, Int32(SHUT_WR))
        case .reset:
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            end(descriptor)
            return false
        }
        connection.steps.removeFirst()
        return true
    }

    private func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        let count = max(Glibc.send(descriptor, bytes, bytes.count, flags), 0)
        board.note { $0.sent += count }
        return count
    }

    private func answered(_ connection: ServedConnection) {
        guard connection.isAnswering else { return }
        connection.isAnswering = false
        let client = connection.client
        board.note { $0.underWay[client, default: 0] -= 1 }
    }

    private func end(_ descriptor: Int32) {
        close(descriptor)
        if let connection = connections.removeValue(forKey: descriptor) { answered(connection) }
        board.note { $0.closed += 1 }
    }
}

/// What a connection has received and has still to do.
final class ServedConnection {
    let number: Int
    let client: String
    var isAnswering = false
    var received: [UInt8] = []
    var steps: [LoopbackServer.Step] = []
    /// Nil unless its step is to hold.
    var isHeld: Bool?

    init(number: Int, client: String) {
        self.number = number
        self.client = client
    }

    var wantsToSend: Bool {
        if case .send = steps.first { true } else { false }
    }

    /// Takes a whole request from what was received.
    func nextRequest() -> LoopbackServer.Request? {
        guard let blank = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<blank.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count == 2 ? parts[1].drop { $0 == " " } : ""
            return (name: String(parts.first ?? ""), value: String(value))
        }
        let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        guard received.count >= blank.upperBound + length else { return nil }
        let body = Array(received[blank.upperBound..<(blank.upperBound + length)])
        received.removeFirst(blank.upperBound + length)
        return LoopbackServer.Request(
            connection: number, line: lines.first.map(String.init) ?? "", headers: headers, body: body)
    }
}
