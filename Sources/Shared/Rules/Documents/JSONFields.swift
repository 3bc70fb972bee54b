import Domain

/// Takes an object apart field by field, so that what nobody asked for can be refused.
public struct JSONFields {
    /// Where the object stands in its document, such as `environments.abd`; empty at the top.
    var path: String
    private var untaken: [ExactJSON.Member]
    private var asked: [String] = []

    init(_ json: ExactJSON, path: String = "") throws(InvalidValue) {
        guard case .object(let members) = json else {
            throw InvalidValue(field: path.isEmpty ? "document" : path, value: json.canonical, expected: "an object")
        }
        self.path = path
        untaken = members
    }

    /// The field's full name for an error.
    func name(of field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

    /// Takes a field that may be absent.
    mutating func takeIfPresent(_ field: String) -> ExactJSON? {
        asked.append(field)
        guard let index = untaken.firstIndex(where: { $0.key == field }) else { return nil }
        return untaken.remove(at: index).value
    }

    mutating func take(_ field: String, expected: String) throws(InvalidValue) -> ExactJSON {
        guard let value = takeIfPresent(field) else {
            throw InvalidValue(field: name(of: field), value: "absent", expected: expected)
        }
        return value
    }

    mutating func integer(_ field: String, in range: ClosedRange<Int64>) throws(InvalidValue) -> Int64 {
        let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
        let json = try take(field, expected: expected)
        guard case .number(let text) = json, let value = Int64(text), range.contains(value) else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: expected)
        }
        return value
    }

    mutating func integerIfPresent(_ field: String, in range: ClosedRange<Int64>) throws(InvalidValue) -> Int64? {
        guard untaken.contains(where: { $0.key == field }) else {
            asked.append(field)
            return nil
        }
        return try integer(field, in: range)
    }

    mutating func string(_ field: String, expected: String) throws(InvalidValue) -> String {
        let json = try take(field, expected: expected)
        guard case .string(let text) = json else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: expected)
        }
        return text
    }

    mutating func object(_ field: String) throws(InvalidValue) -> [ExactJSON.Member] {
        let json = try take(field, expected: "an object")
        guard case .object(let members) = json else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: "an object")
        }
        return members
    }

    mutating func array(_ field: String, expected: String, minCount: Int = 0) throws(InvalidValue) -> [ExactJSON] {
        let json = try take(field, expected: expected)
        guard case .array(let items) = json, items.count >= minCount else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: expected)
        }
        return items
    }

    mutating func bool(_ field: String) throws(InvalidValue) -> Bool {
        let json = try take(field, expected: "true or false")
        guard case .bool(let value) = json else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: "true or false")
        }
        return value
    }

    mutating func decimal(_ field: String, in range: ClosedRange<Score>) throws(InvalidValue) -> Score {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound) with at most nine decimals"
        let json = try take(field, expected: expected)
        guard let score = Score(exactly: json), range.contains(score) else {
            throw InvalidValue(field: name(of: field), value: json.canonical, expected: expected)
        }
        return score
    }

    /// Refuses fields that were not taken.
    func finish() throws(InvalidValue) {
        guard let unknown = untaken.first else { return }
        throw InvalidValue(
            field: name(of: unknown.key), value: unknown.value.canonical,
            expected: "no such field; allowed: \(asked.sorted().joined(separator: ", "))")
    }
}
