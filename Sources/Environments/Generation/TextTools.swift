/// Reading of answers and outputs.
enum TextTools {
    /// Output as it is compared: CRLF as LF, lines without trailing blanks, no blank space around the whole. Nil for
    /// bytes that are no UTF-8.
    static func comparable(_ bytes: [UInt8]) -> String? {
        String(validating: bytes, as: UTF8.self).map { comparable($0) }
    }

    static func comparable(_ text: String) -> String {
        // By scalars: Swift counts CR LF as one character.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(String.UnicodeScalarView(line.reversed().drop(while: isBlank).reversed()))
        }
        return trimmed(lines.joined(separator: "\n"))
    }

    static func trimmed(_ text: String) -> String {
        let front = text.unicodeScalars.drop(while: isBlank)
        return String(String.UnicodeScalarView(front.reversed().drop(while: isBlank).reversed()))
    }

    /// The answer without closed `<think>` and `<thinking>` blocks.
    static func withoutThoughts(_ answer: String) -> String {
        var bytes = Array(answer.utf8)
        for tag in ["think", "thinking"] {
            while let open = find("<\(tag)>", in: bytes, from: 0),
                let close = find("</\(tag)>", in: bytes, from: open.upperBound)
            {
                bytes.removeSubrange(open.lowerBound..<close.upperBound)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What stands between the last closed pair of these tags, in any case of letters.
    static func lastBlock(_ tag: String, in answer: String) -> String? {
        let bytes = Array(answer.utf8)
        var (found, position): (String?, Int) = (nil, 0)
        while let open = find("<\(tag)>", in: bytes, from: position),
            let close = find("</\(tag)>", in: bytes, from: open.upperBound)
        {
            // A block that opens twice begins at its last opening.
            var start = open.upperBound
            while let again = find("<\(tag)>", in: bytes, from: start), again.upperBound <= close.lowerBound {
                start = again.upperBound
            }
            found = String(decoding: bytes[start..<close.lowerBound], as: UTF8.self)
            position = close.upperBound
        }
        return found
    }

    /// A line for people: the last line that says something, at most 200 bytes.
    static func excerpt(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.suffix(2_000), as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        return excerpt(line)
    }

    static func excerpt(_ text: String) -> String {
        text.utf8.count <= 200 ? text : String(decoding: text.utf8.prefix(197), as: UTF8.self) + "..."
    }

    private static func find(_ tag: String, in bytes: [UInt8], from start: Int) -> Range<Int>? {
        let wanted = Array(tag.utf8)
        guard bytes.count >= wanted.count, start <= bytes.count - wanted.count else { return nil }
        return (start...(bytes.count - wanted.count)).first { position in
            wanted.indices.allSatisfy { lower(bytes[position + $0]) == wanted[$0] }
        }.map { $0..<($0 + wanted.count) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }
    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
}
