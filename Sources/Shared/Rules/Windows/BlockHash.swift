public import Domain

/// A block's hash on the chain: 32 bytes that nobody could know before the block.
public struct BlockHash: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public let hex: String

    /// - Throws: `InvalidValue` unless 64 hexadecimal digits, with or without `0x`, in either case.
    public init(_ text: String) throws(InvalidValue) {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard digits.utf8.count == 64, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw InvalidValue(field: "block hash", value: text, expected: "64 hexadecimal digits, with or without 0x")
        }
        hex = digits.lowercased()
    }

    public var description: String { "0x" + hex }
}
