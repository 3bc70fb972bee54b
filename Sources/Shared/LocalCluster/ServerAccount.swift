internal import Glibc

/// The account the server runs as when we are root, which PostgreSQL refuses to run as.
struct ServerAccount: Sendable {
    let user: UInt32
    let group: UInt32

    /// The owner of the data where there is data, else `postgres`, else `nobody`; nil when we are not root.
    static func choose(data: String) -> ServerAccount? {
        guard geteuid() == 0 else { return nil }
        var status = stat()
        if stat(data, &status) == 0, status.st_uid != 0 {
            return ServerAccount(user: status.st_uid, group: status.st_gid)
        }
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 4096)
        var found: UnsafeMutablePointer<passwd>?
        if getpwnam_r("postgres", &entry, &buffer, buffer.count, &found) == 0, found != nil {
            return ServerAccount(user: entry.pw_uid, group: entry.pw_gid)
        }
        return ServerAccount(user: 65534, group: 65534)
    }

    func own(_ path: String) throws(LocalClusterError) {
        guard chown(path, user, group) == 0 else {
            throw LocalClusterError(.folderUnusable, "'\(path)' cannot be given to user \(user): error \(errno)")
        }
    }
}
