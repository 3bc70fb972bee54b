/// Which image a container is made of: `name:tag`, `name@sha256:…`, or an image's own id `sha256:…`.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// Registry and repository; nil when an id alone was given.
    public let name: String?
    public let tag: String?
    /// `sha256:` and 64 digits: of the manifest, or the image's id where no registry ever saw it.
    public let digest: String?

    /// - Throws: `InvalidValue` unless a digest or a tag says which image of that name is meant.
    public init(_ text: String) throws(InvalidValue) {
        let invalid = InvalidValue(
            field: "image", value: text,
            expected: "name:tag, name@sha256: and 64 lower-case hexadecimal digits, or an image's id sha256:…")
        if Self.isDigest(text) {
            (name, tag, digest) = (nil, nil, text)
            return
        }
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        digest = parts.count == 2 ? parts[1] : nil
        if let digest, !Self.isDigest(digest) { throw invalid }
        // A colon before the last slash is that of a registry's port.
        let last = parts[0].lastIndex(of: "/").map { parts[0][parts[0].index(after: $0)...] } ?? parts[0][...]
        let colon = last.lastIndex(of: ":")
        tag = colon.map { String(parts[0][parts[0].index(after: $0)...]) }
        let name = colon.map { String(parts[0][..<$0]) } ?? parts[0]
        self.name = name
        guard digest != nil || tag != nil, (1...200).contains(name.utf8.count),
            name.utf8.allSatisfy({ ASCII.isLowerOrDigit($0) || "._-/:".utf8.contains($0) }),
            name.utf8.first.map(ASCII.isLowerOrDigit) == true, !name.hasSuffix("/"), !name.contains("//"),
            tag.map(Self.isTag) ?? true
        else { throw invalid }
    }

    public var description: String {
        guard let name else { return digest ?? "" }
        return name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0 } ?? "")
    }

    private static func isTag(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
            && text.utf8.allSatisfy { ASCII.isAlphanumeric($0) || "._-".utf8.contains($0) }
    }

    private static func isDigest(_ text: String) -> Bool {
        text.hasPrefix("sha256:") && text.utf8.count == 71 && text.utf8.dropFirst(7).allSatisfy(ASCII.isLowerHex)
    }
}
