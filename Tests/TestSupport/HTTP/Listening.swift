internal import Glibc

/// Sockets that listen.
enum Listening {
    static func tcp(_ host: String = "127.0.0.1", backlog: Int32 = 1024) -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        precondition(inet_pton(AF_INET, host, &address.sin_addr) == 1, "'\(host)' is no IPv4 address")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) | listen(descriptor, backlog)
                    | getsockname(descriptor, pointer, &length)
            }
        }
        precondition(descriptor >= 0 && status == 0, "cannot listen on \(host): error \(errno)")
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Takes the next connection; nil when there is none. The client's address is empty for a socket in the file system.
    static func accept(_ listener: Int32) -> (descriptor: Int32, client: String)? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener, $0, &length) }
        }
        guard descriptor >= 0 else { return nil }
        guard address.sin_family == sa_family_t(AF_INET) else { return (descriptor, "") }
        var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        inet_ntop(AF_INET, &address.sin_addr, &text, socklen_t(text.count))
        return (descriptor, String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    static func unix(path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), "the socket's path is too long")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) | listen(descriptor, 16)
            }
        }
        precondition(descriptor >= 0 && status == 0, "cannot listen at \(path): error \(errno)")
        return descriptor
    }
}

/// Ports of 127.0.0.1 that nobody answers on.
public enum DeadPort {
    /// A port that was free a moment ago: connecting to it is refused.
    public static func refusing() -> Int {
        let (descriptor, port) = Listening.tcp()
        close(descriptor)
        return port
    }
}
