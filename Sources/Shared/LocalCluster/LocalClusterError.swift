/// Why the private cluster could not be started or stopped.
public struct LocalClusterError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No PostgreSQL server is installed where we look.
        case binariesMissing
        /// The folder cannot hold a cluster.
        case folderUnusable
        /// One of PostgreSQL's programs failed.
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
