internal import Glibc
internal import Synchronization

/// An HTTP/1.1 stand-in that answers byte for byte what a test tells it to, on one thread of its own.
///
/// It ends when its last reference goes.
public final class LoopbackServer: Sendable {
    /// What was received, complete with its body.
    public struct Request: Sendable {
        /// 0 for the first connection accepted.
        public let connection: Int
        /// Such as `POST /path HTTP/1.1`.
        public let line: String
        public let headers: [(name: String, value: String)]
        public let body: [UInt8]

        public func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// One thing to do with a connection; when all are done, the next request is read.
    public enum Step: Sendable {
        case send([UInt8])
        /// Sends these bytes again and again, as fast as they are taken.
        case sendForever([UInt8])
        /// Does nothing until `release()`.
        case hold
        case close
        /// Ends what is sent, but keeps reading.
        case closeSending
        /// Ends the connection with a RST.
        case reset

        public static func send(_ text: String) -> Step { .send(Array(text.utf8)) }

        /// A whole answer with its length.
        public static func answer(
            _ status: Int = 200, headers: [String] = [], body: some Collection<UInt8> = [UInt8]()
        ) -> Step {
            let lines = ["HTTP/1.1 \(status) Text"] + headers + ["content-length: \(body.count)"]
            return .send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + Array(body))
        }
    }

    /// What has happened so far.
    public struct Log: Sendable {
        public internal(set) var accepted = 0
        public internal(set) var requests: [Request] = []
        /// Connections that the client closed.
        public internal(set) var hangUps = 0
        /// Bytes that the client's side of the connections took.
        public internal(set) var sent = 0
        /// Requests that are neither answered whole nor given up, by their client's address.
        public internal(set) var underWay: [String: Int] = [:]
        var closed = 0
        /// The most connections that were open at once.
        public internal(set) var mostOpen = 0
    }

    /// Of the TCP form.
    public let port: Int
    public var url: String { "http://\(address):\(port)" }
    private let address: String
    private let board: LogBoard
    private let wakeUp: Int32

    /// Listens on a free port of an address of this machine, or on a socket at `unixSocket`.
    public init(
        address: String = "127.0.0.1", unixSocket: String? = nil, _ script: @escaping @Sendable (Request) -> [Step]
    ) {
        let (listener, port) = unixSocket.map { (Listening.unix(path: $0), 0) } ?? Listening.tcp(address)
        self.address = address
        self.port = port
        var pipes: [Int32] = [0, 0]
        precondition(pipe(&pipes) == 0, "no pipe")
        wakeUp = pipes[1]
        board = LogBoard()
        let loop = ServerLoop(listener: listener, wakeUp: pipes[0], board: board, script: script)
        loop.start()
    }

    deinit { Glibc.close(wakeUp) }

    public var log: Log { board.log }

    /// Returns once the log satisfies the condition, which later events must not undo.
    public func until(_ condition: @escaping @Sendable (Log) -> Bool) async {
        await board.until(condition)
    }

    /// Lets all connections that hold go on.
    public func release() {
        var byte: UInt8 = 1
        write(wakeUp, &byte, 1)
    }
}

/// The log and those who wait for it to change.
final class LogBoard: Sendable {
    private struct State {
        var log = LoopbackServer.Log()
        var waiters:
            [(condition: @Sendable (LoopbackServer.Log) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var log: LoopbackServer.Log { state.withLock(\.log) }

    func note(_ change: @Sendable (inout LoopbackServer.Log) -> Void) {
        let satisfied = state.withLock { state in
            change(&state.log)
            let log = state.log
            let satisfied = state.waiters.filter { $0.condition(log) }.map(\.continuation)
            state.waiters.removeAll { $0.condition(log) }
            return satisfied
        }
        for continuation in satisfied { continuation.resume() }
    }

    func until(_ condition: @escaping @Sendable (LoopbackServer.Log) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isSatisfied = state.withLock { state in
                if condition(state.log) { return true }
                state.waiters.append((condition, continuation))
                return false
            }
            if isSatisfied { continuation.resume() }
        }
    }
}
