internal import Domain
internal import FoundationEssentials

/// A JSON object with sorted keys.
func canonicalJSON(_ object: [String: JSONValue]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(object), as: UTF8.self)
}
