import Coordinator
import Glibc

/// How far a long command is, on one line of standard error that is redrawn; only in a terminal.
enum ProgressLine {
    /// - Parameter what: What is being counted, such as `contests replayed`.
    static func teller(_ what: String) -> WorkProgress {
        guard isatty(STDERR_FILENO) == 1 else { return { _, _ in } }
        return { done, total in
            StandardError.write("\r\(done) of \(total) \(what)" + (done == total ? "\r\u{1B}[K" : ""))
        }
    }
}
