/// JSON as it was written: numbers keep their decimal text, so nothing passes through floating point.
public enum ExactJSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The digits, as they stood.
    case number(String)
    case string(String)
    case array([ExactJSON])
    /// Members in the order in which they stood; no key occurs twice.
    case object([Member])

    public struct Member: Hashable, Sendable {
        public let key: String
        public let value: ExactJSON

        public init(_ key: String, _ value: ExactJSON) {
            self.key = key
            self.value = value
        }
    }

    public static func integer(_ value: Int64) -> ExactJSON { .number(String(value)) }

    /// The canonical text: keys sorted by their UTF-8 bytes, no white space, ASCII only. Within strings `"` and `\` are
    /// escaped by a backslash; every other character outside U+0020-U+007E is `\uXXXX` with lower-case digits, as a
    /// surrogate pair beyond U+FFFF.
    public var canonical: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let items): "[" + items.map(\.canonical).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { Self.quoted($0.key) + ":" + $0.value.canonical }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: quoted += "\\\""
            case 0x5C: quoted += "\\\\"
            case 0x20...0x7E: quoted.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return quoted + "\""
    }
}
