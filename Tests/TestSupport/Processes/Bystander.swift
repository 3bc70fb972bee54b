public import Glibc

/// A process of its own, to own something and be killed.
public struct Bystander: Sendable {
    public let process: pid_t

    public init() {
        var process = pid_t()
        let texts: [String] = ["sleep", "600"]
        var words = texts.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        let status = posix_spawnp(&process, "sleep", nil, nil, &words, environ)
        precondition(status == 0, "no process: error \(status)")
        self.process = process
    }

    /// As `kill -9`; its parent learns of it only with `bury`.
    public func kill() {
        Glibc.kill(process, SIGKILL)
        var end = siginfo_t()
        waitid(P_PID, id_t(process), &end, WEXITED | WNOWAIT)
    }

    public func bury() { waitpid(process, nil, 0) }
}
