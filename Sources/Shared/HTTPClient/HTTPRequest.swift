/// One request, with the bounds its answer must keep.
public struct HTTPRequest: Sendable {
    public var method: String
    /// An absolute `http` or `https` URL; `user:password@` in it is sent as Basic authorisation.
    public var url: String
    public var headers: [(name: String, value: String)]
    /// Sent with its length; nil sends none (and a length of 0 for POST, PUT and PATCH).
    public var body: [UInt8]?
    /// From `send` to the last byte of the answer, waiting for a free connection included.
    public var timeout: Duration
    /// For the name, the connection and TLS together.
    public var connectTimeout: Duration
    /// The most bytes of a body, counted after decompression.
    public var maximumResponseBytes: Int
    /// Refuses a host whose address is not public: for URLs that strangers choose, who may mean a service of our own network.
    public var onlyPublicAddresses: Bool
    /// Connects to this socket in the file system instead of the URL's host.
    public var unixSocket: String?

    public init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        timeout: Duration = .seconds(30), connectTimeout: Duration = .seconds(10),
        maximumResponseBytes: Int = 8 << 20, onlyPublicAddresses: Bool = false, unixSocket: String? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.maximumResponseBytes = maximumResponseBytes
        self.onlyPublicAddresses = onlyPublicAddresses
        self.unixSocket = unixSocket
    }
}
