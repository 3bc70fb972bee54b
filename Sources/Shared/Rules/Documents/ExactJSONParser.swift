public import Domain

extension ExactJSON {
    /// Reads one JSON text (RFC 8259), strictly.
    ///
    /// - Throws: `InvalidValue` that names the byte where the text is not JSON, or the key that occurs twice.
    public init(parsing text: String) throws(InvalidValue) {
        var parser = ExactJSONParser(text)
        self = try parser.parse()
    }
}

/// A recursive-descent reader over bytes. Depth is bounded, so hostile input cannot exhaust the stack.
struct ExactJSONParser {
    private static let maxDepth = 64

    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func parse() throws(InvalidValue) -> ExactJSON {
        let value = try value(depth: 0)
        skipSpace()
        guard index == bytes.count else { throw unexpected("the end") }
        return value
    }

    private mutating func value(depth: Int) throws(InvalidValue) -> ExactJSON {
        guard depth < Self.maxDepth else { throw unexpected("at most \(Self.maxDepth) levels") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(InvalidValue) -> ExactJSON {
        var members: [ExactJSON.Member] = []
        var seen: Set<String> = []
        index += 1
        if takeAfterSpace("}") { return .object(members) }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw unexpected("a key") }
            let key = try string()
            guard seen.insert(key).inserted else {
                throw InvalidValue(field: "key", value: key, expected: "each key once in an object (byte \(index))")
            }
            guard takeAfterSpace(":") else { throw unexpected("':'") }
            members.append(.init(key, try value(depth: depth + 1)))
        } while takeAfterSpace(",")
        guard takeAfterSpace("}") else { throw unexpected("',' or '}'") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(InvalidValue) -> ExactJSON {
        var items: [ExactJSON] = []
        index += 1
        if takeAfterSpace("]") { return .array(items) }
        repeat {
            items.append(try value(depth: depth + 1))
        } while takeAfterSpace(",")
        guard takeAfterSpace("]") else { throw unexpected("',' or ']'") }
        return .array(items)
    }

    private mutating func literal(_ word: StaticString, _ value: ExactJSON) throws(InvalidValue) -> ExactJSON {
        let letters = Array("\(word)".utf8)
        guard bytes[index...].starts(with: letters) else { throw unexpected("'\(word)'") }
        index += letters.count
        return value
    }

    private mutating func number() throws(InvalidValue) -> String {
        let start = index
        _ = take("-")
        let firstDigit = peek
        let whole = digits()
        guard whole > 0, whole == 1 || firstDigit != UInt8(ascii: "0") else { throw unexpected("a value") }
        if take(".") {
            guard digits() > 0 else { throw unexpected("a digit") }
        }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            guard digits() > 0 else { throw unexpected("a digit") }
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        return index - start
    }

    private mutating func string() throws(InvalidValue) -> String {
        var units: [UInt8] = []
        index += 1
        while let byte = peek {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): units.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw unexpected("an escaped control character")
            default: units.append(byte)
            }
        }
        throw unexpected("'\"'")
    }

    private mutating func escape() throws(InvalidValue) -> Unicode.Scalar {
        guard let byte = peek else { throw unexpected("an escape") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw unexpected("an escape")
        }
    }

    private mutating func unicodeEscape() throws(InvalidValue) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800...0xDBFF).contains(first), take("\\"), take("u") else { throw unexpected("a surrogate pair") }
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw unexpected("a surrogate pair") }
        return scalar
    }

    private mutating func codeUnit() throws(InvalidValue) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw unexpected("four hexadecimal digits")
            }
            unit = unit << 4 | UInt32(digit)
            index += 1
        }
        return unit
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func takeAfterSpace(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        return take(character)
    }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { index += 1 }
    }

    private func unexpected(_ expected: String) -> InvalidValue {
        let near = String(decoding: bytes[min(index, bytes.count)..<min(index + 20, bytes.count)], as: UTF8.self)
        return InvalidValue(field: "JSON", value: near, expected: "\(expected) at byte \(index)")
    }
}
