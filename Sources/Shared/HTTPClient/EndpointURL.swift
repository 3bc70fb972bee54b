internal import CCurl

/// An absolute `http` or `https` URL with a host.
///
/// Its text may hold credentials; its description never does.
public struct EndpointURL: Hashable, Sendable, CustomStringConvertible {
    public let text: String
    /// Scheme, host, port and path: fit for logs and errors.
    public let description: String
    /// Whether a query or a fragment follows the path.
    public let hasQueryOrFragment: Bool
    /// Scheme, host and port: what a connection can be shared by.
    let origin: String

    /// - Throws: `HTTPError.Code.invalidURL`, naming the URL without its credentials and query.
    public init(_ text: String) throws(HTTPError) {
        guard let parts = Parts(text) else {
            throw HTTPError(
                .invalidURL,
                "'\(Self.redacted(malformed: text))' is not valid: expected an http or https URL with a host")
        }
        self.text = text
        let port = parts.port.map { ":" + $0 } ?? ""
        description = "\(parts.scheme)://\(parts.host)\(port)\(parts.path)"
        origin = "\(parts.scheme)://\(parts.host):\(parts.portOrDefault)"
        hasQueryOrFragment = parts.hasQueryOrFragment
    }

    /// Text that is no URL, made fit for logs: it may hold a password in any place before an `@`, and a key in a query.
    public static func redacted(malformed text: String) -> String {
        let shown = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text[...]
        let path = shown.prefix { $0 != "?" && $0 != "#" }
        return path.count > 120 ? path.prefix(117) + "..." : String(path)
    }
}

/// The parts of a URL as libcurl itself will understand it, so that what is checked is what is used.
private struct Parts {
    let scheme: String
    let host: String
    let port: String?
    let portOrDefault: String
    let path: String
    let hasQueryOrFragment: Bool

    init?(_ text: String) {
        // libcurl forgives one or three slashes after the scheme; two are meant.
        guard let start = text.firstRange(of: "://"), !text[start.upperBound...].hasPrefix("/"),
            !text.utf8.contains(0), let handle = curl_url()
        else { return nil }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = Self.part(CURLUPART_SCHEME, of: handle)?.lowercased(), ["http", "https"].contains(scheme),
            let host = Self.part(CURLUPART_HOST, of: handle)?.lowercased(), !host.isEmpty,
            let port = Self.part(CURLUPART_PORT, of: handle, flags: UInt32(CURLU_DEFAULT_PORT))
        else { return nil }
        self.scheme = scheme
        self.host = host
        self.port = Self.part(CURLUPART_PORT, of: handle)
        portOrDefault = port
        path = Self.part(CURLUPART_PATH, of: handle) ?? "/"
        hasQueryOrFragment = text.contains { $0 == "?" || $0 == "#" }
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer, flags: UInt32 = 0) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &value, flags) == CURLUE_OK, let value else { return nil }
        defer { curl_free(value) }
        return String(cString: value)
    }
}
