internal import Domain
internal import Yams

/// One mapping of a definition file, read field by field; each error names the file, the line, the field, its value and
/// what is allowed.
struct DefinitionFields {
    private let file: String
    /// Before the names of fields within another one, such as `container.`.
    private let prefix: String
    private let mapping: Node.Mapping

    /// - Throws: `InvalidValue` for what is no mapping, and for fields that are none.
    init(_ node: Node, file: String, within prefix: String = "", allowed: [String]) throws(InvalidValue) {
        self.file = file
        self.prefix = prefix
        guard let mapping = node.mapping else {
            throw InvalidValue(
                field: Self.place(file, node) + (prefix.isEmpty ? "definition" : String(prefix.dropLast())),
                value: Self.shown(node), expected: "fields with their values: \(allowed.joined(separator: ", "))")
        }
        self.mapping = mapping
        for key in mapping.keys where !allowed.contains(key.scalar?.string ?? "") {
            let name = Self.shown(key)
            let nearest = Spelling.nearest(to: name, of: allowed).map { "; did you mean '\($0)'?" } ?? ""
            throw InvalidValue(
                field: Self.place(file, key) + prefix + "field", value: name,
                expected: "one of " + allowed.joined(separator: ", ") + nearest)
        }
    }

    /// The fields within one.
    func fields(_ name: String, allowed: [String]) throws(InvalidValue) -> DefinitionFields? {
        guard let node = self[name] else { return nil }
        return try DefinitionFields(node, file: file, within: prefix + name + ".", allowed: allowed)
    }

    func text(_ name: String) throws(InvalidValue) -> String? {
        guard let node = self[name] else { return nil }
        guard let text = node.scalar?.string else { throw invalid(name, "text") }
        return text
    }

    /// What a closure makes of a field's text; nil is not valid.
    func value<Value>(
        _ name: String, _ expected: String, _ read: (String) -> Value?
    ) throws(InvalidValue) -> Value? {
        guard let text = try text(name) else { return nil }
        guard let value = read(text) else { throw invalid(name, expected) }
        return value
    }

    func integer<Value: FixedWidthInteger>(_ name: String, as type: Value.Type = Value.self) throws(InvalidValue)
        -> Value?
    {
        try value(name, "a whole number of at most \(Value.max)") { Value($0) }
    }

    func boolean(_ name: String) throws(InvalidValue) -> Bool? {
        try value(name, "true or false") { Bool($0) }
    }

    func score(_ name: String) throws(InvalidValue) -> Score? {
        try value(name, "a decimal number with at most nine decimals") { Score(decimal: $0) }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String) throws(InvalidValue) -> Value?
    where Value.RawValue == String {
        let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return try value(name, "one of \(allowed)") { Value(rawValue: $0) }
    }

    /// A list of texts, or one alone.
    func texts(_ name: String) throws(InvalidValue) -> [String]? {
        guard let node = self[name] else { return nil }
        let texts = node.sequence?.map(\.scalar?.string) ?? [node.scalar?.string]
        guard !texts.contains(nil) else { throw invalid(name, "a list of texts") }
        return texts.compactMap(\.self)
    }

    /// Names of any kind with values of any kind.
    func members(_ name: String) throws(InvalidValue) -> [String: JSONValue]? {
        guard let node = self[name] else { return nil }
        var budget = Self.mostValues
        guard case .object(let members) = Self.json(node, &budget) else {
            throw invalid(name, "names with their values")
        }
        guard budget > 0 else { throw invalid(name, "at most \(Self.mostValues) values, aliases followed") }
        return members
    }

    /// That a field's value is not what it should be, or that it is not there.
    func invalid(_ name: String, _ expected: String) -> InvalidValue {
        let node = self[name]
        return InvalidValue(
            field: Self.place(file, node ?? .mapping(mapping)) + prefix + name, value: node.map(Self.shown) ?? "",
            expected: expected)
    }

    /// The same error of another check, with the file in it.
    func placed(_ error: InvalidValue) -> InvalidValue {
        InvalidValue(
            field: Self.place(file, .mapping(mapping)) + error.field, value: error.value, expected: error.expected)
    }

    private subscript(name: String) -> Node? { mapping[Node(name)] }

    private static func place(_ file: String, _ node: Node) -> String {
        node.mark.map { "\(file):\($0.line): " } ?? "\(file): "
    }

    private static func shown(_ node: Node) -> String {
        node.scalar?.string ?? (node.sequence == nil ? "fields" : "a list")
    }

    /// As JSON reads it: what is quoted is text, and of what is not only JSON's own words are more than that.
    /// Of parameters: aliases make any number of a few lines.
    private static let mostValues = 10_000

    /// - Parameter budget: Values that may still be read; at 0 the rest is left out.
    private static func json(_ node: Node, _ budget: inout Int) -> JSONValue {
        budget -= 1
        guard budget > 0 else { return .null }
        if let mapping = node.mapping {
            return .object(
                Dictionary(mapping.map { (Self.shown($0.key), json($0.value, &budget)) }) { _, last in last })
        }
        if let sequence = node.sequence { return .array(sequence.map { json($0, &budget) }) }
        let text = node.scalar?.string ?? ""
        guard node.scalar?.style == .plain else { return .string(text) }
        switch text {
        case "", "null", "~": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: return Int64(text).map(JSONValue.integer) ?? Self.number(text).map(JSONValue.number) ?? .string(text)
        }
    }

    /// Without the words for what is no number.
    private static func number(_ text: String) -> Double? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) } ? Double(text) : nil
    }
}

/// Names that look like one that is none.
package enum Spelling {
    /// The name that the fewest changed letters lead to: a third of its letters at most.
    package static func nearest(to word: String, of names: [String]) -> String? {
        let nearest = names.map { (name: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        return nearest.flatMap { $0.distance <= max(1, $0.name.count / 3) ? $0.name : nil }
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (line, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in right.indices {
                let changed = diagonal + (right[column] == letter ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
