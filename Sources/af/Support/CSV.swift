import Domain

/// Comma-separated values as RFC 4180 has them.
enum CSV {
    static func text(_ lines: [[String]]) -> String {
        lines.map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    /// A line for each row, below one with the names: the given columns, then all others that a row has.
    static func text(_ rows: [JSONValue], columns: [String]) throws -> String {
        var others: Set<String> = []
        for case .object(let members) in rows { others.formUnion(members.keys) }
        let all = columns + others.subtracting(columns).sorted()
        return text([all] + (try rows.map { row in try all.map { try field(row[$0]) } }))
    }

    /// Empty for null; lists and objects as JSON.
    static func field(_ value: JSONValue?) throws -> String {
        switch value {
        case nil, .null: ""
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value
        case .array, .object: try value.jsonText()
        }
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
