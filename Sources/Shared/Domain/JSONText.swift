internal import FoundationEssentials

extension JSONValue {
    /// Reads one JSON document; nil for anything else.
    public init?(json bytes: some Sequence<UInt8>) {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else { return nil }
        self = value
    }
}

extension Encodable {
    /// As one JSON document on one line, keys sorted: the same value is the same text everywhere.
    public func jsonText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
