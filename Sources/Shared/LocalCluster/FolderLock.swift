internal import Glibc

/// An exclusive lock that ends with its owner, even when the process is killed.
struct FolderLock: ~Copyable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Nil when another process, or another task of this one, holds it.
    static func attempt(_ path: String) throws(LocalClusterError) -> FolderLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LocalClusterError(.folderUnusable, "'\(path)' cannot be opened: error \(errno)")
        }
        let lock = FolderLock(descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
        return lock
    }
}
