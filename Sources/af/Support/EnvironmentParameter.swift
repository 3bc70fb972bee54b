import Domain

/// `key=value` as people write it; numbers become numbers.
enum EnvironmentParameter {
    static func read(_ text: String) throws -> (String, JSONValue) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw InvalidValue(field: "parameter", value: text, expected: "key=value")
        }
        let value =
            Int64(parts[1]).map(JSONValue.integer) ?? Double(parts[1]).map(JSONValue.number) ?? .string(parts[1])
        return (parts[0], value)
    }
}
