/// Keys that were handed to others, who may repeat them in what they say.
public struct Secrets: Sendable {
    /// Less than this of one, where a text was cut, gives nothing away.
    private static let shortestRest = 4

    /// Longest first, so that one that holds another goes as a whole.
    private let values: [String]

    /// Takes those that there are and that are not empty.
    public init(_ values: [String?]) {
        self.values = values.compactMap(\.self).filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The text with `(hidden)` for each of them, and for what a cut left of one at the end.
    public func hidden(in text: String) -> String {
        values.reduce(text) { text, secret in
            // By bytes: an accent behind a key makes its last character another one.
            let key = Array(secret.utf8)
            guard text.utf8.contains(key) || Self.rest(of: key, at: text.utf8) > 0 else { return text }
            var bytes = Array(text.utf8).replacing(key, with: Self.mark)
            let rest = Self.rest(of: key, at: bytes)
            if rest > 0 { bytes.replaceSubrange((bytes.count - rest)..., with: Self.mark) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static let mark = Array("(hidden)".utf8)

    /// How many bytes of the key's beginning stand at a text's end; none that give nothing away.
    private static func rest(of key: [UInt8], at text: some BidirectionalCollection<UInt8>) -> Int {
        (shortestRest..<max(shortestRest, key.count)).last { text.suffix($0).elementsEqual(key.prefix($0)) } ?? 0
    }

    /// The document with none of them in any text or name.
    public func hidden(in value: JSONValue) -> JSONValue {
        guard !values.isEmpty else { return value }
        return switch value {
        case .string(let text): .string(hidden(in: text))
        case .array(let values): .array(values.map(hidden(in:)))
        case .object(let members):
            .object(
                Dictionary(
                    members.map { (hidden(in: $0.key), hidden(in: $0.value)) }, uniquingKeysWith: { first, _ in first })
            )
        case .null, .bool, .integer, .number: value
        }
    }
}
