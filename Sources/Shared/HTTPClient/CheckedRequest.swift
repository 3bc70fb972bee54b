/// A request that libcurl can be given as it is: nothing in it can break out of its line or end a string early.
struct CheckedRequest: Sendable {
    let method: String
    let url: EndpointURL
    let headers: [(name: String, value: String)]
    let body: [UInt8]?
    let maximumResponseBytes: Int
    let unixSocket: String?
    let onlyPublicAddresses: Bool
    let connectTimeout: Duration
    let deadline: ContinuousClock.Instant

    /// What connections may be shared by.
    var origin: String { unixSocket.map { "unix:" + $0 } ?? url.origin }

    init(_ request: HTTPRequest) throws(HTTPError) {
        url = try EndpointURL(request.url)
        method = request.method
        headers = request.headers
        body = request.body
        maximumResponseBytes = max(request.maximumResponseBytes, 0)
        unixSocket = request.unixSocket
        onlyPublicAddresses = request.onlyPublicAddresses
        // Longer than anyone waits, and far from what overflows a clock.
        let bounds = Duration.zero...Duration.seconds(30 * 86_400)
        connectTimeout = min(max(request.connectTimeout, bounds.lowerBound), bounds.upperBound)
        deadline = .now.advanced(by: min(max(request.timeout, bounds.lowerBound), bounds.upperBound))
        if let fault = fault() { throw HTTPError(.invalidRequest, "request to \(url): \(fault)") }
    }

    func error(_ code: HTTPError.Code, _ reason: String) -> HTTPError {
        HTTPError(code, "\(method) \(url): \(reason)")
    }

    private func fault() -> String? {
        if !Self.isToken(method) { return "the method is not a token" }
        if method == "HEAD", body != nil { return "HEAD has no body" }
        for header in headers {
            if !Self.isToken(header.name) { return "a header's name is not a token" }
            if header.value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
                return "the value of header '\(header.name)' has a control character"
            }
        }
        if let unixSocket {
            // One byte less than sockaddr_un holds, for the zero at its end.
            if !(1...107).contains(unixSocket.utf8.count) || unixSocket.utf8.contains(0) {
                return "the socket's path has not 1-107 bytes"
            }
        }
        return nil
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}
