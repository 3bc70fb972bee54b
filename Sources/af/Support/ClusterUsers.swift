import Glibc
import SystemPackage

/// Who uses a private cluster at the moment. Each process holds a shared lock on a file in its folder; the one that leaves
/// last stops the server.
struct ClusterUsers: ~Copyable {
    private let descriptor: Int32

    /// Waits while somebody who left last is still stopping the server.
    static func join(folder: String) throws -> ClusterUsers {
        let path = "\(folder)/users.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_SH) == 0 else {
            throw CommandError("'\(path)' can't be locked: \(Errno(rawValue: errno))")
        }
        return ClusterUsers(descriptor: descriptor)
    }

    /// Whether nobody else uses the cluster; then nobody else can join until this value ends.
    func isLast() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    deinit { close(descriptor) }
}
