public import Domain
internal import HTTPClient

/// Where a container engine answers: a socket in the file system, or a host.
public struct EngineAddress: Hashable, Sendable, CustomStringConvertible {
    /// Where Docker listens unless told otherwise.
    public static let usual = "unix:///var/run/docker.sock"

    /// As it was given: `unix:///path` or `tcp://host:port`.
    public let description: String
    let unixSocket: String?
    /// The URL that paths are added to.
    let base: String
    /// The host by which what a container publishes is reached, and the address it is published on there.
    let host: String
    let publishedOn: String

    /// Reads what `DOCKER_HOST` holds.
    ///
    /// - Throws: `InvalidValue` saying which forms there are.
    public init(_ text: String) throws(InvalidValue) {
        description = text
        let invalid = InvalidValue(
            field: "container engine", value: EndpointURL.redacted(malformed: text),
            expected:
                "unix:///path/to/socket or tcp://host:port (ssh:// is not spoken: forward the engine's socket with "
                + "'ssh -L /path/to/socket:/var/run/docker.sock host' and name it as unix://)")
        if text.hasPrefix("unix://") {
            let path = String(text.dropFirst(7))
            guard path.hasPrefix("/"), (2...107).contains(path.utf8.count), !path.utf8.contains(0) else {
                throw invalid
            }
            (unixSocket, base, host, publishedOn) = (path, "http://engine", "127.0.0.1", "127.0.0.1")
            return
        }
        let address = text.hasPrefix("tcp://") ? text.dropFirst(6) : ""
        let parts = address.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = Int(parts[1]), (1...65_535).contains(port), !address.contains("/"),
            (try? EndpointURL("http://\(address)")) != nil
        else { throw invalid }
        let isLocal = ["localhost", "127.0.0.1"].contains(parts[0])
        (unixSocket, base, host) = (nil, "http://\(address)", String(parts[0]))
        publishedOn = isLocal ? "127.0.0.1" : "0.0.0.0"
    }

    /// Whether its containers run on this machine.
    public var isLocal: Bool { publishedOn == "127.0.0.1" }
}
