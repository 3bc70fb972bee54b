internal import FoundationEssentials
internal import Glibc

/// Finds the server process of a data folder.
enum Postmaster {
    /// The server's process id, if it lives. After a reboot or in a new container the id that a killed server left behind
    /// may be some other process's, so the process must also work in the data folder.
    static func find(data: String) -> Int32? {
        guard let id = recorded(data: data), kill(id, 0) == 0 || errno == EPERM, !hasEnded(id)
        else { return nil }
        guard let folder = workingFolder(of: id) else { return id }
        return folder == Files.real(data) ? id : nil
    }

    /// Whether that process works in the data folder; one that has ended, or that we may not look at, does not.
    static func works(_ id: Int32, in data: String) -> Bool {
        workingFolder(of: id).map { $0 == Files.real(data) } ?? false
    }

    /// Removes what a killed server left behind, where the server itself would be misled by it: its process id, in the data
    /// and beside its socket.
    static func forgetStale(data: String, socket: String) throws(LocalClusterError) {
        guard find(data: data) == nil else { return }
        for file in ["\(data)/postmaster.pid", "\(socket).lock"] where Files.exists(file) { try Files.remove(file) }
    }

    /// Whether it has ended and only its parent does not know yet; that may never learn of it, as in a container whose first
    /// process waits for no children that are not its own.
    private static func hasEnded(_ id: Int32) -> Bool {
        // The state follows the name, which is in parentheses and may hold some itself.
        guard let text = Files.text("/proc/\(id)/stat"), let name = text.lastIndex(of: ")") else { return false }
        return text[name...].dropFirst(2).first == "Z"
    }

    private static func recorded(data: String) -> Int32? {
        Files.text("\(data)/postmaster.pid")?.split(separator: "\n").first.flatMap { Int32($0) }
    }

    /// Nil where we may not look.
    private static func workingFolder(of id: Int32) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")
    }
}
