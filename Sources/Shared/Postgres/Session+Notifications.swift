internal import CPostgres

extension Session {
    var socket: Int32 { unsafe PQsocket(connection) }

    /// Takes the notifications that have arrived, without waiting for more.
    mutating func takeNotifications() throws(PostgresError) -> [(channel: String, payload: String)] {
        guard isAlive else { throw PostgresError(.connectionLost, unsafe Self.errorMessage(connection)) }
        var taken: [(channel: String, payload: String)] = []
        while let notification = unsafe PQnotifies(connection) {
            defer { unsafe PQfreemem(notification) }
            guard let channel = unsafe notification.pointee.relname else { continue }
            let payload = unsafe notification.pointee.extra.map { unsafe String(cString: $0) }
            unsafe taken.append((String(cString: channel), payload ?? ""))
        }
        return taken
    }
}
