internal import Digest
public import Domain
internal import HTTPClient

/// A key that can be sent, and neither printed nor dumped.
public struct TargonKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String

    /// - Throws: `InvalidValue` for what no header can hold; it does not repeat the key.
    public init(_ text: String) throws(InvalidValue) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw InvalidValue(
                field: "Targon key", value: "(hidden)", expected: "one line of printable ASCII without blanks")
        }
        self.text = text
    }

    public var description: String { "(hidden)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(reflecting: description) }
}

/// An account with Targon, and which part of it is whose: workloads of an arena are known by their names.
public struct TargonAccount: Sendable {
    public static let usualURL = "https://api.targon.com/tha/v2"

    public let arena: String
    let url: String
    let key: TargonKey

    /// - Parameters:
    ///   - url: Of the API; a trailing slash does not matter.
    ///   - arena: One database's name for itself, which no other one that uses the account has.
    /// - Throws: `InvalidValue` naming the address or the arena.
    public init(key: TargonKey, arena: String, url: String = usualURL) throws(InvalidValue) {
        guard let checked = try? EndpointURL(url), !checked.hasQueryOrFragment else {
            throw InvalidValue(
                field: "Targon's API", value: EndpointURL.redacted(malformed: url),
                expected: "an http or https URL such as \(Self.usualURL)")
        }
        guard TargonName.isValid(arena) else {
            throw InvalidValue(field: "Targon arena", value: arena, expected: TargonName.expected)
        }
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.key = key
        self.arena = arena
    }

    /// What the names of all workloads of this arena begin with: `affine-` and 8 digits of the arena's digest.
    package var prefix: String { "affine-\(Self.digits(8, of: [arena]))-" }

    /// The name of the workload that serves a model on a resource: the same in every process, 32 characters, which is the most
    /// that Targon takes.
    package func workloadName(for model: ModelReference, on resource: String) -> String {
        prefix + Self.digits(16, of: [arena, model.repository, model.revision, resource])
    }

    /// By what failures to load are counted, and who is placed on a workload is known.
    package func host(of resource: String) -> String { "targon:\(arena):\(resource)" }

    /// Nil for a host that is none of this arena's.
    func resource(of host: String) -> String? {
        let start = "targon:\(arena):"
        return host.hasPrefix(start) ? String(host.dropFirst(start.count)) : nil
    }

    private static func digits(_ count: Int, of words: [String]) -> String {
        String(SHA256Digest(of: (["affine.targon/1"] + words).joined(separator: "\n")).hex.prefix(count))
    }
}

/// Names that become part of other names.
enum TargonName {
    static let expected = "1-63 characters of a-z, 0-9, '.', '_' and '-'"

    static func isValid(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || [0x2E, 0x5F, 0x2D].contains(byte)
            }
    }
}
