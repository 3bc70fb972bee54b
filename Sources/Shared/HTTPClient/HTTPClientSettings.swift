/// Bounds and habits of one client.
public struct HTTPClientSettings: Sendable {
    /// Requests beyond it wait, oldest first.
    public var maximumConnectionsPerHost: Int
    /// Over all hosts.
    public var maximumConnections: Int
    public var userAgent: String
    /// A PEM file of authorities to trust instead of the system's.
    public var authoritiesFile: String?
    /// The name of the client's thread, cut at 15 bytes.
    public var threadName: String

    public init(
        maximumConnectionsPerHost: Int = 128, maximumConnections: Int = 512, userAgent: String = "affine",
        authoritiesFile: String? = nil, threadName: String = "http-client"
    ) {
        precondition(maximumConnectionsPerHost > 0 && maximumConnections > 0, "a client needs a connection")
        self.maximumConnectionsPerHost = maximumConnectionsPerHost
        self.maximumConnections = maximumConnections
        self.userAgent = userAgent
        self.authoritiesFile = authoritiesFile
        self.threadName = threadName
    }
}
