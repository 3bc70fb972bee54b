/// A value that a person or a chain handed us and that is not of the form we accept.
public struct InvalidValue: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the value was meant to be, such as `hotkey`.
    public let field: String
    public let value: String
    /// The accepted form, as a phrase.
    public let expected: String

    public init(field: String, value: String, expected: String) {
        self.field = field
        self.value = value
        self.expected = expected
    }

    public var description: String {
        let shown = value.count > 120 ? value.prefix(117) + "..." : value[...]
        return "\(field) '\(shown)' is not valid: expected \(expected)"
    }
}

/// An environment's name, such as `abd` or `affine:ded-v2`.
public struct EnvironmentName: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: `InvalidValue` unless 1-63 characters of `a-z 0-9 . _ : -`, the first a letter or digit.
    public init(_ text: String) throws(InvalidValue) {
        let isValid =
            (1...63).contains(text.utf8.count) && text.utf8.first.map(ASCII.isLowerOrDigit) == true
            && text.utf8.allSatisfy { ASCII.isLowerOrDigit($0) || [0x2E, 0x5F, 0x3A, 0x2D].contains($0) }
        guard isValid else {
            throw InvalidValue(
                field: "environment", value: text,
                expected: "1-63 characters of a-z, 0-9, '.', '_', ':' and '-', beginning with a letter or digit")
        }
        rawValue = text
    }

    public init?(rawValue: String) {
        try? self.init(rawValue)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { rawValue }
}

/// A miner's identity for life: an SS58 address of the chain.
public struct Hotkey: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: `InvalidValue` unless 46-48 base-58 characters, as SS58 addresses have. The checksum is the chain's.
    public init(_ text: String) throws(InvalidValue) {
        guard (46...48).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isBase58) else {
            throw InvalidValue(field: "hotkey", value: text, expected: "an SS58 address of 46-48 base-58 characters")
        }
        rawValue = text
    }

    public init?(rawValue: String) {
        try? self.init(rawValue)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { rawValue }
}

/// A published model: a HuggingFace repository at one exact revision.
public struct ModelReference: Hashable, Sendable, Codable, CustomStringConvertible {
    /// `owner/name`.
    public let repository: String
    /// A commit: 40 lower-case hexadecimal digits.
    public let revision: String

    /// - Throws: `InvalidValue` naming `model` or `revision`.
    public init(repository: String, revision: String) throws(InvalidValue) {
        let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
        let isRepository =
            parts.count == 2
            && parts.allSatisfy { part in
                (1...96).contains(part.utf8.count) && part.utf8.first.map(ASCII.isAlphanumeric) == true
                    && part.utf8.allSatisfy { ASCII.isAlphanumeric($0) || [0x2E, 0x5F, 0x2D].contains($0) }
                    && !part.contains("..")
            }
        guard isRepository else {
            throw InvalidValue(
                field: "model", value: repository,
                expected: "a repository 'owner/name' of letters, digits, '.', '_' and '-'")
        }
        guard revision.utf8.count == 40, revision.utf8.allSatisfy(ASCII.isLowerHex) else {
            throw InvalidValue(
                field: "revision", value: revision, expected: "a commit of 40 lower-case hexadecimal digits")
        }
        self.repository = repository
        self.revision = revision
    }

    /// Reads `owner/name@revision`.
    public init(_ text: String) throws(InvalidValue) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw InvalidValue(field: "model", value: text, expected: "'owner/name@revision'")
        }
        try self.init(repository: String(parts[0]), revision: String(parts[1]))
    }

    public var description: String { "\(repository)@\(revision)" }
}

/// Byte classes of ASCII, so that validation depends on no locale.
enum ASCII {
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    static func isLowerOrDigit(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }
    static func isAlphanumeric(_ byte: UInt8) -> Bool { isLowerOrDigit(byte) || isUpper(byte) }
    static func isLowerHex(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte) }
    static func isBase58(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) && ![0x30, 0x4F, 0x49, 0x6C].contains(byte)  // no 0, O, I, l
    }
}
