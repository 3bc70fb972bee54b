/// Why the private cluster, or a pooler before a server, could not be started or stopped.
public struct LocalClusterError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No PostgreSQL server, or no PgBouncer, is installed where we look.
        case binariesMissing
        /// The folder cannot be used.
        case folderUnusable
        /// One of their programs failed.
        case toolFailed
        case timedOut
    }

    public let code: Code
    public let detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    public var description: String { "\(code.rawValue): \(detail)" }
}
