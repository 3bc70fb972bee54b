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
            // By scalars: an accent behind a key makes its last character another one.
            let (scalars, key) = (Array(text.unicodeScalars), Array(secret.unicodeScalars))
            var whole = scalars.contains(key) ? scalars.replacing(key, with: Self.mark) : scalars
            let cut = (Self.shortestRest..<max(Self.shortestRest, key.count)).last { length in
                whole.suffix(length).elementsEqual(key.prefix(length))
            }
            if let cut { whole.replaceSubrange((whole.count - cut)..., with: Self.mark) }
            var hidden = String.UnicodeScalarView()
            hidden.append(contentsOf: whole)
            return String(hidden)
        }
    }

    private static let mark = Array("(hidden)".unicodeScalars)

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
